"""`nextmini shell [FILE]`."""

import io
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from nextmini.cli.live import ExperimentOption, StateOption, state_folder
from nextmini.cli.run import DatabaseOption, NameOption
from nextmini.cli.signals import INTERRUPTED, Signals
from nextmini.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.cli.shell.console import Console
    from nextmini.cli.shell.keyboard import Keyboard
    from nextmini.store import Registration, StateFolder

HISTORY = "shell-history"


class _Ended(Exception):  # noqa: N818 - a request, not an error
    """Whoever started this is gone, or asked for its end."""


def shell(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A scenario to start, and to end with the shell.")
    ] = None,
    prompt: Annotated[
        str,
        typer.Option("--prompt", envvar="NEXTMINI_PROMPT", metavar="TEXT", help="What stands before a line."),
    ] = "nextmini> ",
    name: NameOption = None,
    runs_dir: Annotated[
        Path, typer.Option("--runs-dir", metavar="DIR", help="Where run folders are made.")
    ] = Path("runs"),
    database_url: DatabaseOption = None,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Run commands inside nodes and look at the network, line by line, with Mininet's words.

    With FILE, starts it, and ends it when the shell is left; else it is for an experiment that is running,
    and leaves it so. `help` lists the verbs. Where no terminal is, standard input is read as a script. The
    exit code is 0, 1 if the experiment failed, 2 if it was refused, 130 after Ctrl-C in a script.
    """
    if file is not None and experiment is not None:
        raise typer.BadParameter("FILE and --experiment do not go together")
    if file is None:
        from nextmini.live.choice import choose_ready

        state = state_folder(state_dir)
        found = choose_ready(state, experiment)
        code = _attend(state, found, prompt)
    else:
        from nextmini.cli.up import begin
        from nextmini.live.choice import choose_ready

        options = {"runs_dir": runs_dir, "database_url": database_url, "state_dir": state_dir}
        network, _ = begin(file, name, options)
        state = state_folder(state_dir)
        try:
            code = _attend(state, choose_ready(state, network.name), prompt)
        finally:
            failed = _end(state, network.name)
        code = code or failed
    raise typer.Exit(code)


def _attend(state: "StateFolder", found: "Registration", prompt: str) -> int:
    """Does one line after the other until there are no more; returns the exit code."""
    from nextmini.cli.shell.console import Console
    from nextmini.live.attached import Attached

    _take_signals()
    try:
        with Attached(state, found) as attached:
            keyboard = _keyboard()
            console = Console(attached, keyboard)
            lines = _script() if keyboard is None else _typed(state, console, prompt)
            return _follow(console, lines, typed=keyboard is not None)
    except _Ended:
        return INTERRUPTED


def _follow(console: "Console", lines: "Iterator[str | None]", typed: bool) -> int:
    from nextmini.cli.shell.verbs import Leave

    for line in lines:
        try:
            if line is not None:
                console.take(line)
        except Leave:
            return 0
        except KeyboardInterrupt:
            console.complain("\nInterrupt")
            if not typed:
                return INTERRUPTED
    if typed:
        console.say("\n")
    return 0


def _keyboard() -> "Keyboard | None":
    from nextmini.cli.shell.keyboard import Keyboard

    return Keyboard(sys.stdin.fileno()) if sys.stdin.isatty() else None


def _script() -> "Iterator[str]":
    # A shell takes any bytes; those that are no text pass through us unchanged.
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    for line in sys.stdin:
        yield line.rstrip("\n")


def _typed(state: "StateFolder", console: "Console", prompt: str) -> "Iterator[str | None]":
    from nextmini.cli.shell.prompt import typed_lines

    return typed_lines(prompt, state.path / HISTORY, console.net)


def _take_signals() -> None:
    """SIGINT is Ctrl-C, whatever was done with it before; SIGTERM and SIGHUP leave in order."""

    def end(_number: int, _frame: object) -> NoReturn:
        # Another one is not to disturb the leaving.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise _Ended

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def _end(state: "StateFolder", name: str) -> int:
    """Ends the experiment, tells on standard error what came of it, and returns the exit code."""
    import asyncio

    from nextmini.cli.down import stop_running
    from nextmini.experiment.table import print_document
    from nextmini.live.choice import LiveError

    signals = Signals()
    with signals.noted():
        try:
            stopped, killed = asyncio.run(stop_running(state, name, False, signals))
        except LiveError:
            typer.echo(f"note: experiment {name} has ended before", err=True)
            return 0
    for document in (one.document for one in stopped):
        if document is not None:
            print_document(document, sys.stderr)
    failed = any(one.document is None or one.document["status"] == "failed" for one in stopped)
    return RunError.exit_code if failed or killed else 0
