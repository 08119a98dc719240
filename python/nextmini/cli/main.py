"""The program `nextmini`: its commands, and what it prints when one of them fails.

A command's module is imported when the command is called or its help is asked for, and not before: `nextmini
--help` lists them all without importing any.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from nextmini.errors import NextminiError, ScenarioError

if TYPE_CHECKING:
    from collections.abc import Sequence


_MOST_PROBLEMS = 50


class Entry(NamedTuple):
    """Where a command is: `attribute` of `module` is its function, or a typer app of further commands."""

    module: str
    attribute: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "init": Entry("init", "init", "Write a first scenario."),
    "example": Entry("example", "app", "List, show or copy the scenarios that come with Nextmini."),
    "validate": Entry("validate", "validate", "Check scenarios without starting anything."),
    "topology": Entry("topology", "app", "Show, draw or list topologies."),
    "run": Entry("run", "run", "Run a scenario to its end and print what was measured."),
    "up": Entry("up", "up", "Start a scenario in the background."),
    "down": Entry("down", "down", "End a running experiment and print its result."),
    "list": Entry("list", "list_running", "List the experiments that are running."),
    "status": Entry("status", "status", "Print where a running experiment stands."),
    "export": Entry("export", "export", "Write the time series of a run as CSV, Parquet or JSON."),
    "plot": Entry("plot", "plot", "Draw a finished run: throughput, queues, delay, drops, loads."),
    "compare": Entry("compare", "compare", "Tell how finished runs differ."),
    "logs": Entry("logs", "logs", "Print the logs of a running experiment."),
    "link": Entry("link", "link", "Show, change, add or remove a link of a running experiment."),
    "node": Entry("node", "app", "Add, remove or list nodes of a running experiment."),
    "flow": Entry("flow", "app", "Add, list, pin or stop flows of a running experiment."),
    "route": Entry("route", "app", "Add, change, remove or list routes of a running experiment."),
    "algorithm": Entry("algorithm", "app", "Run algorithms on a running experiment; begin and check them."),
    "capture": Entry("capture", "capture", "Write packets of a running experiment to a pcapng file."),
    "exec": Entry("exec", "execute", "Run a command inside nodes of a running experiment."),
    "ping": Entry("ping", "ping", "Ping between nodes of a running experiment."),
    "iperf": Entry("iperf", "iperf", "Measure the bandwidth between two nodes of a running experiment."),
    "cleanup": Entry("cleanup", "cleanup", "Remove what killed experiments left."),
    "shell": Entry("shell.command", "shell", "Look at and work in a network, line by line."),
    "bench": Entry("bench", "app", "Measure this machine and this version."),
    "doctor": Entry("doctor", "doctor", "Check what this machine offers and what it lacks."),
    "schema": Entry("schema", "schema", "Print the JSON schema of scenarios."),
    "compose": Entry("compose", "compose", "Run a scenario in containers, with Docker Compose."),
    "swarm": Entry("swarm", "swarm", "Spread a scenario over the machines of a Docker swarm."),
    "kubernetes": Entry("kubernetes", "kubernetes", "Print the manifests of a scenario for Kubernetes."),
    "controller": Entry("controller", "controller", "Run a controller by itself."),
    "dataplane": Entry("dataplane", "dataplane", "Run a dataplane process by itself."),
    "version": Entry("version", "version", "Print the version."),
}


class LazyGroup(TyperGroup):
    """All commands by name and summary; the real one is fetched when it is needed."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, entry in COMMANDS.items():
            self.add_command(TyperCommand(name, help=entry.summary))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The real command that `args` begin with.

        Raises typer's usage error, with what may have been meant, if there is none.
        """
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else load(name), rest


def load(name: str) -> Any:
    """Imports a command and makes it ready to be called."""
    entry = COMMANDS[name]
    found = getattr(importlib.import_module(f"nextmini.cli.{entry.module}"), entry.attribute)
    if isinstance(found, typer.Typer):
        command = get_command(found)
    else:
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        command = get_command(alone)
    command.name = name
    for one in (command, *getattr(command, "commands", {}).values()):
        one.help = _flowing(one.help)
    return command


def _flowing(text: str | None) -> str | None:
    """Paragraphs without their line breaks, which are the source's and not the terminal's."""
    if text is None:
        return None
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


app = typer.Typer(
    name="nextmini",
    cls=LazyGroup,
    no_args_is_help=True,
    help="Nextmini: one scenario file in, a running network out.",
)


def _show_version(value: bool) -> None:
    if value:
        from nextmini.cli.version import package_version

        typer.echo(f"nextmini {package_version()}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Nextmini: one scenario file in, a running network out."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program and ends it with the command's exit code."""
    try:
        get_command(app).main(args=arguments, prog_name="nextmini")
    except NextminiError as error:
        for line in _lines(error):
            typer.echo(f"error: {line}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if _interrupted(error):
            sys.exit(130)
        traceback.print_exc()
        typer.echo("error: this is a defect in nextmini; please report it with all of the above", err=True)
        sys.exit(1)


def _interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C is what it comes from: Python reports what is raised while a class is made as another
    error, which names it as its cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    return isinstance(error, KeyboardInterrupt)


def _lines(error: NextminiError) -> list[str]:
    """What to print, one line for each problem, but not thousands of them."""
    if not isinstance(error, ScenarioError):
        return str(error).splitlines()
    lines = [str(problem) for problem in error.problems[:_MOST_PROBLEMS]]
    more = len(error.problems) - len(lines)
    return lines if more == 0 else [*lines, f"and {more} more problems"]


if __name__ == "__main__":
    main()
