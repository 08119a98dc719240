"""What commands on running experiments share: their options, and how they end."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from nextmini.cli.signals import INTERRUPTED, Signals

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from rich.table import Table

    from nextmini.live.attached import Attached
    from nextmini.store import Registration, StateFolder
    from nextmini.store.live import LiveStore

T = TypeVar("T")

ExperimentOption = Annotated[
    str | None,
    typer.Option("--experiment", metavar="NAME", help="Which one (default: the only one that is running)."),
]
StateOption = Annotated[
    Path | None,
    typer.Option("--state-dir", metavar="DIR", help="Where the database and secrets lie (NEXTMINI_STATE)."),
]


def state_folder(chosen: Path | None) -> StateFolder:
    """The state folder that experiments are looked for in."""
    from nextmini.hosts.clearing import clear
    from nextmini.store import StateFolder

    return StateFolder.locate(chosen, clear)


def perform(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of `work`, which Ctrl-C ends in order, and the command with it."""
    signals = Signals()
    with signals.noted():
        from nextmini.experiment.interrupt import Interrupt, Interrupted

        async def guarded() -> T:
            interrupt = Interrupt()
            with interrupt.on_signals():
                signals.check()
                return await interrupt.guard(work())

        try:
            return asyncio.run(guarded())
        except Interrupted:
            raise typer.Exit(INTERRUPTED) from None


def on_store(
    state_dir: Path | None,
    experiment: str | None,
    work: Callable[[LiveStore, Registration], Coroutine[Any, Any, T]],
) -> T:
    """The result of `work` on the rows of a running experiment."""
    from nextmini.live.choice import choose_ready
    from nextmini.live.session import session

    state = state_folder(state_dir)
    found = choose_ready(state, experiment)

    async def opened() -> T:
        async with session(state, found) as store:
            return await work(store, found)

    return perform(opened)


def attached(state_dir: Path | None, experiment: str | None) -> Attached:
    """A running experiment as a context, for what is done step by step; Ctrl-C is KeyboardInterrupt there."""
    import signal

    from nextmini.live.attached import Attached
    from nextmini.live.choice import choose_ready

    # Whatever started us may ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    state = state_folder(state_dir)
    return Attached(state, choose_ready(state, experiment))


def table(titles: Iterable[str], rows: Iterable[Iterable[object]], right: Iterable[str] = ()) -> None:
    """Prints a table on standard output; nothing is cut off when that is no terminal."""
    print_table(table_of(titles, rows, right))


def print_table(table: Table) -> None:
    """Prints it on standard output; nothing is cut off when that is no terminal."""
    from rich.console import Console

    from nextmini.experiment.table import PLAIN_WIDTH

    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    Console(highlight=False, width=width).print(table)


def table_of(titles: Iterable[str], rows: Iterable[Iterable[object]], right: Iterable[str] = ()) -> Table:
    """A table with these columns; those of the titles in `right` are numbers."""
    from rich.markup import escape
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    to_the_right = set(right)
    for title in titles:
        made.add_column(title, justify="right" if title in to_the_right else "left", overflow="fold")
    for row in rows:
        made.add_row(*("-" if cell is None else escape(str(cell)) for cell in row))
    return made


def tell_killed(name: str) -> None:
    """An experiment was found to have been killed."""
    typer.echo(f"experiment {name} was killed before it could end; what it left has been removed", err=True)


def shown_path(path: str) -> str:
    """A path as one would type it here."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return path
