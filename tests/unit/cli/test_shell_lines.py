"""What lines of the interactive shell do, on a network that is none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from nextmini.cli.main import main
from nextmini.cli.shell.console import Console
from nextmini.cli.shell.prompt import Words
from nextmini.cli.shell.verbs import Leave
from nextmini.live.handles import NetHandle

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def console() -> Console:
    """Of two nodes without namespaces; what goes to their shells is said instead."""
    net = NetHandle()
    net.follow({"h1": "10.0.0.1", "h2": "10.0.0.2"}, {})
    made = Console(cast("Any", SimpleNamespace(net=net)), None)
    return made


@pytest.mark.parametrize("line", ["", "   ", "# nodes", "px x = 1", "py None"])
def test_lines_that_say_nothing_print_nothing(
    line: str, console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    console.take(line)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("nodes", "available nodes are: \nh1 h2\n"),
        ("  nodes  # all of them", "available nodes are: \nh1 h2\n"),
        ("py h1.IP()", "10.0.0.1\n"),
        ("py net['h2'].IP() # its address", "10.0.0.2\n"),
        ("py [1, 'a']", "[1, 'a']\n"),
        ("py len(net), list(net)", "(2, ['h1', 'h2'])\n"),
        ("help nodes", "nodes\nList all nodes.\n"),
        ("?nodes", "nodes\nList all nodes.\n"),
    ],
)
def test_what_verbs_print(
    line: str, output: str, console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    console.take(line)
    assert capsys.readouterr() == (output, "")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("frobnicate it", "*** Unknown command: frobnicate it"),
        ("h1", "*** Enter a command for node: h1 <cmd>"),
        ("h1 ls", "error: node h1 has no network namespace"),
        ("iperf h1", "invalid number of args: iperf src dst"),
        ("iperf h1 h9", "node 'h9' not in network"),
        ("iperf h1 h1", "a node is not measured against itself"),
        ("iperfudp 1M h1", "invalid number of args: iperfudp bw src dst\nbw examples: 10M"),
        ("link h1", "invalid number of args: link end1 end2 [up down]"),
        ("link h1 h2 sideways", "invalid type: link end1 end2 [up down]"),
        ("link h1 h2 set rate='5", "invalid args: No closing quotation"),
        ("source", "usage: source <file>"),
        ("source /nowhere", "error reading file /nowhere"),
        ("xterm", "usage: xterm node1 node2 ..."),
        ("x", "usage: x node [cmd args]..."),
        ("xterm h9", "node 'h9' not in network"),
        ("noecho h9 vi", "node 'h9' not in network"),
        ("py 1/0", "division by zero"),
        ("px import nowhere_at_all", "No module named 'nowhere_at_all'"),
        ("py (", "'(' was never closed (<py>, line 1)"),
        ("help frobnicate", "*** No help on frobnicate"),
    ],
)
def test_what_is_wrong_is_told_in_mininets_words(
    line: str, complaint: str, console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    console.take(line)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(complaint)


def test_statements_leave_variables(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.take("px x = h1.name * 2")
    console.take("py x")
    assert capsys.readouterr().out == "h1h1\n"


@pytest.mark.parametrize("line", ["exit", "quit", "EOF"])
def test_leaving(line: str, console: Console) -> None:
    with pytest.raises(Leave):
        console.take(line)


def test_lines_of_a_file(console: Console, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lines").write_text("nodes\n# nothing\nwhat\npy h1.IP()\n")
    console.take(f"source {tmp_path / 'lines'}")
    out, err = capsys.readouterr()
    assert out == "available nodes are: \nh1 h2\n10.0.0.1\n"
    assert err == "*** Unknown command: what\n"


def test_how_long_a_line_takes(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.take("time py h1.IP()")
    first, second = capsys.readouterr().out.splitlines()
    assert first == "10.0.0.1"
    assert second.startswith("*** Elapsed time: 0.0")
    assert second.endswith(" secs")


def test_help_lists_all_verbs(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.take("help")
    out = capsys.readouterr().out
    assert out.startswith("\nDocumented commands (type help <topic>):\n====")
    assert {"pingallfull", "noecho", "EOF"} <= set(out.split())


@pytest.mark.parametrize(
    ("typed", "candidates"),
    [
        ("pingp", ["pingpair", "pingpairfull"]),
        ("h", ["help", "h1", "h2"]),
        ("h1 ping h", ["h1", "h2"]),
        ("link h1 h2 ", ["up", "down", "set"]),
        ("time no", ["nodes", "noecho"]),
    ],
)
def test_completion(typed: str, candidates: list[str]) -> None:
    found = Words(["h1", "h2"]).get_completions(Document(typed), CompleteEvent())
    assert [one.text for one in found] == candidates


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["shell", "lab.toml", "--experiment", "lab"], "do not go together"),
        (["shell"], "no experiment is running here"),
        (["ping"], "name two nodes"),
        (["ping", "h1"], "name two nodes"),
        (["ping", "h1", "h2", "--all"], "name two nodes, or none with --all"),
        (["ping", "h1", "h2"], "no experiment is running here"),
        (["iperf", "h1", "h2"], "no experiment is running here"),
        (["iperf", "h1", "h2", "--udp", "fast"], "write 10M or 10 Mbit/s"),
    ],
    ids=" ".join,
)
def test_commands_that_make_no_sense_are_refused(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--state-dir", str(tmp_path)])
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err
