"""The verbs of the interactive shell, with Mininet's names, words and output."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from cmd import Cmd
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING

from nextmini.cli.shell.windows import open_window
from nextmini.hosts.iperf import USUAL_RATE, Measurement
from nextmini.hosts.probes import Pace
from nextmini.live import mininet_text as text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nextmini.cli.shell.console import Console


class Leave(Exception):  # noqa: N818 - a request, not an error
    """The shell is to be left."""


class Wrong(Exception):  # noqa: N818 - told as it stands
    """A line makes no sense."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb; what stands after it is `free` if it is not ours to read: code, or a command."""

    do: Callable[[Console, str], None]
    usage: str
    summary: str
    free: bool = False


_NODES = """You may also send a command to a node using:
  <node> command {args}
For example:
  nextmini> h1 ifconfig

Names of nodes among the arguments are replaced with their IPv4 addresses,
so commands like
  nextmini> h2 ping h3
should work.

What is typed while a command runs goes to it, and so do Ctrl-C and Ctrl-Z;
  nextmini> noecho h2 read -r secret
does not show it.
"""


def _help(console: Console, rest: str) -> None:
    if rest:
        verb = VERBS.get(rest)
        if verb is None:
            raise Wrong(f"*** No help on {rest}")
        console.say(f"{verb.usage}\n{verb.summary}\n")
        return
    console.say("\nDocumented commands (type help <topic>):\n========================================\n")
    Cmd(stdout=sys.stdout).columnize(sorted(VERBS), 80)
    console.say(f"\n{_NODES}")


def _nodes(console: Console, _: str) -> None:
    console.say(text.nodes(console.net))


def _net(console: Console, _: str) -> None:
    console.say(text.net(console.attached.wiring()))


def _dump(console: Console, _: str) -> None:
    console.say(text.dump(console.attached.wiring(), console.net.pids()))


def _links(console: Console, _: str) -> None:
    console.say(text.links(console.attached.wiring()))


def _interfaces(console: Console, _: str) -> None:
    console.say(text.interfaces(console.attached.wiring()))


def _ports(console: Console, _: str) -> None:
    console.say(text.ports(console.attached.wiring()))


def _ping_all(console: Console, _: str) -> None:
    console.say(text.PINGING)
    _ping(console, list(console.net))


def _ping_pair(console: Console, _: str) -> None:
    _ping(console, _first_two(console))


def _ping_all_full(console: Console, _: str) -> None:
    console.say(text.PINGING)
    _ping(console, list(console.net), full=True)


def _ping_pair_full(console: Console, _: str) -> None:
    _ping(console, _first_two(console), full=True)


def _first_two(console: Console) -> list[str]:
    if len(console.net) < 2:
        raise Wrong("there is only one node")
    return list(console.net)[:2]


def _ping(console: Console, nodes: Sequence[str], full: bool = False) -> None:
    """Pings between all pairs; for round trip times, one after the other."""
    pace = Pace(order="sequence") if full else Pace()
    tasks = console.attached.pings(permutations(nodes, 2), pace)
    console.attached.ping(tasks)
    for source, outcomes in text.rows(tasks.outcomes):
        console.say(text.ping_row(source, outcomes))
    console.say(text.ping_details(tasks.outcomes) if full else text.ping_summary(tasks.outcomes))


def _iperf(console: Console, rest: str) -> None:
    words = rest.split()
    if len(words) not in (0, 2):
        raise Wrong("invalid number of args: iperf src dst")
    client, server = _ends(console, words)
    console.say(text.iperf_title("TCP", client, server))
    console.flush()
    found = console.attached.bandwidth(client, server, Measurement())
    console.say(text.iperf_result(map(text.bandwidth, (found.received, found.sent))))


def _iperf_udp(console: Console, rest: str) -> None:
    words = rest.split()
    if len(words) not in (0, 1, 3):
        raise Wrong("invalid number of args: iperfudp bw src dst\nbw examples: 10M")
    rate = words[0] if words else USUAL_RATE
    client, server = _ends(console, words[1:])
    console.say(text.iperf_title("UDP", client, server))
    console.flush()
    found = console.attached.bandwidth(client, server, Measurement("udp", rate=rate))
    console.say(text.iperf_result([rate, *map(text.bandwidth, (found.received, found.sent))]))


def _ends(console: Console, words: Sequence[str]) -> tuple[str, str]:
    """The two nodes that are named; the first and the last of all if none is."""
    nodes = list(console.net)
    _check_nodes(console, words)
    client, server = words or (nodes[0], nodes[-1])
    if client == server:
        raise Wrong("a node is not measured against itself")
    return client, server


def _check_nodes(console: Console, words: Iterable[str]) -> None:
    unknown = [word for word in words if word not in console.net]
    if unknown:
        raise Wrong("\n".join(f"node '{word}' not in network" for word in unknown))


def _link(console: Console, rest: str) -> None:
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise Wrong(f"invalid args: {error}") from None
    match words:
        case [a, b, "up" | "down" as state]:
            console.attached.set_up(a, b, state == "up")
        case [a, b, "set", *settings]:
            console.attached.set_link(a, b, settings)
        case [_, _, _]:
            raise Wrong("invalid type: link end1 end2 [up down]")
        case _:
            raise Wrong("invalid number of args: link end1 end2 [up down]")


def _sh(console: Console, rest: str) -> None:
    console.flush()
    # In the foreground as it is, so that Ctrl-C is for it too.
    subprocess.run(rest, shell=True, check=False)  # noqa: S602 - the user's own command


def _py(console: Console, rest: str) -> None:
    try:
        # As code and not as text: an interrupt in what eval() compiles itself ends Python with SIGINT later.
        found = eval(compile(rest, "<py>", "eval"), console.variables)  # noqa: S307 - the user's own code
    except Exception as error:
        raise Wrong(str(error)) from error
    if found is not None:
        console.say(f"{found if isinstance(found, str) else repr(found)}\n")


def _px(console: Console, rest: str) -> None:
    try:
        exec(compile(rest, "<px>", "exec"), console.variables)  # noqa: S102 - the user's own code
    except Exception as error:
        raise Wrong(str(error)) from error


def _source(console: Console, rest: str) -> None:
    if len(rest.split()) != 1:
        raise Wrong("usage: source <file>")
    try:
        lines = Path(rest).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise Wrong(f"error reading file {rest}") from None
    for line in lines:
        console.take(line)


def _time(console: Console, rest: str) -> None:
    began = time.perf_counter()
    console.take(rest)
    console.say(text.elapsed(time.perf_counter() - began))


def _no_echo(console: Console, rest: str) -> None:
    node, _, command = rest.partition(" ")
    _check_nodes(console, [node])
    console.in_node(node, command.strip(), "silent")


def _xterm(console: Console, rest: str) -> None:
    words = rest.split()
    if not words:
        raise Wrong("usage: xterm node1 node2 ...")
    _check_nodes(console, words)
    for word in words:
        open_window(console.net[word].place, ["xterm", "-title", f"Host: {word}"])


def _x(console: Console, rest: str) -> None:
    words = rest.split()
    if not words:
        raise Wrong("usage: x node [cmd args]...")
    _check_nodes(console, words[:1])
    open_window(console.net[words[0]].place, words[1:] or ["xterm", "-title", f"Host: {words[0]}"])


def _leave(_: Console, __: str) -> None:
    raise Leave


VERBS: dict[str, Verb] = {
    "help": Verb(_help, "help [VERB]", "List all verbs, or say what one does."),
    "nodes": Verb(_nodes, "nodes", "List all nodes."),
    "net": Verb(_net, "net", "List the interfaces of each node, with their other ends."),
    "dump": Verb(_dump, "dump", "List nodes with addresses and the processes of their shells."),
    "links": Verb(_links, "links", "List all links, and whether they are up."),
    "intfs": Verb(_interfaces, "intfs", "List the interfaces of each node."),
    "ports": Verb(_ports, "ports", "List the interfaces of each node with their numbers."),
    "pingall": Verb(_ping_all, "pingall", "Ping between all nodes."),
    "pingpair": Verb(_ping_pair, "pingpair", "Ping between the first two nodes."),
    "pingallfull": Verb(_ping_all_full, "pingallfull", "Ping between all nodes, with round trip times."),
    "pingpairfull": Verb(_ping_pair_full, "pingpairfull", "As pingpair, with round trip times."),
    "iperf": Verb(
        _iperf, "iperf [NODE NODE]", "Measure TCP, between the first and the last node if not said."
    ),
    "iperfudp": Verb(_iperf_udp, "iperfudp [RATE [NODE NODE]]", "Measure UDP, sent at a rate such as 10M."),
    "link": Verb(_link, "link NODE NODE up|down|set KEY=VALUE...", "Change a link."),
    "sh": Verb(_sh, "sh COMMAND", "Run a command outside, on this machine.", free=True),
    "py": Verb(_py, "py EXPRESSION", "Print the value of a Python expression, as of h1.IP().", free=True),
    "px": Verb(_px, "px STATEMENT", "Execute a Python statement.", free=True),
    "source": Verb(_source, "source FILE", "Do the lines of a file."),
    "time": Verb(_time, "time LINE", "Do a line, and print how long that took.", free=True),
    "noecho": Verb(
        _no_echo, "noecho NODE COMMAND", "Run a command that is not to show what is typed.", free=True
    ),
    "x": Verb(_x, "x NODE [COMMAND]", "Run a program with windows in a node."),
    "xterm": Verb(_xterm, "xterm NODE...", "Open a terminal window for each node."),
    "exit": Verb(_leave, "exit", "Leave."),
    "quit": Verb(_leave, "quit", "Leave."),
    "EOF": Verb(_leave, "EOF", "Leave."),
}
