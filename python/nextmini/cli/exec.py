"""`nextmini exec`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from nextmini.cli.live import ExperimentOption, StateOption, perform, state_folder
from nextmini.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from nextmini.hosts.commands import Place
    from nextmini.live.inside import Ended

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": False, "allow_interspersed_args": False}


def execute(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(metavar="NODE... -- COMMAND", help="Nodes, such as h1 or h[1-4], then the command."),
    ],
    everywhere: Annotated[bool, typer.Option("--all", help="On every node; then name none.")] = False,
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Run a command inside nodes of a running experiment.

    On one node it has this terminal, and its exit code is this command's. On several it runs at the same time
    on each, what it writes has the node's name in front, and the exit code is the largest. 127: there is no
    such program.
    """
    from nextmini.live.choice import choose_ready
    from nextmini.live.inside import places_of
    from nextmini.live.selection import select

    nodes, command = _parts(words, everywhere)
    state = state_folder(state_dir)
    there = places_of(state, choose_ready(state, experiment))
    chosen = [there[name] for name in (there if everywhere else select(nodes, there))]
    if len(chosen) == 1 and not (everywhere or json):
        from nextmini.hosts.commands import become

        become(chosen[0], command)
    ended = _run(chosen, command, quiet=json)
    if json:
        print_json([{"node": one.node, "exit": one.exit, "output": one.output} for one in ended])
    raise typer.Exit(max((_code(one.exit) for one in ended), default=0))


def _parts(words: list[str], everywhere: bool) -> tuple[list[str], list[str]]:
    """Nodes and command: what stands before `--` and after it; without one, the first word is the node."""
    before = sys.argv[1:]
    at = before.index("--") if "--" in before else None
    command = words if at is None else words[len(words) - len(before[at + 1 :]) :]
    nodes = [] if at is None else words[: len(words) - len(command)]
    if at is None and not everywhere:
        nodes, command = words[:1], words[1:]
    if everywhere and nodes:
        raise typer.BadParameter("--all and names of nodes do not go together")
    if not everywhere and not nodes:
        raise typer.BadParameter("name a node: nextmini exec NODE -- COMMAND")
    if not command:
        raise typer.BadParameter("there is no command: nextmini exec NODE -- COMMAND")
    return nodes, command


def _run(chosen: "list[Place]", command: list[str], *, quiet: bool) -> "list[Ended]":
    from nextmini.live.inside import run_on

    def heard(node: str, line: str) -> None:
        if not quiet:
            typer.echo(f"{node}: {line}")

    return perform(lambda: run_on(chosen, command, heard))


def _code(exit: int) -> int:
    """An exit code, or 128 and the number of the signal, as shells have it."""
    return exit if exit >= 0 else 128 - exit
