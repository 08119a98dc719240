"""The command of one figure."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figures.document import Document, Panel, Row
from bench.figures.drawing import draw
from bench.figures.effort import Effort
from bench.figures.tables import tables
from nextmini.bench.machine import machine
from nextmini.bench.plan import PlanError
from nextmini.errors import NextminiError
from nextmini.experiment import Interrupt
from nextmini.experiment.interrupt import Interrupted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from bench.figures.cases import Tell

    Measure = Callable[[Effort, Interrupt, Tell], Awaitable["Measured"]]

RESULTS = Path(__file__).resolve().parents[1] / "results"
INTERRUPTED = 130


@dataclass(slots=True)
class Measured:
    """What came of a figure; `versions` are the peers'."""

    rows: list[Row]
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the figures: `module` makes it."""

    name: str
    module: str
    title: str
    panels: tuple[Panel, ...]
    measure: Measure
    notes: tuple[str, ...] = ()
    stand_in: str | None = None

    def command(self, options: Sequence[str] = ()) -> str:
        """What to type for it."""
        return " ".join(("python -m", f"bench.figures.{self.module}", *options))


async def made(figure: Figure, effort: Effort, interrupt: Interrupt, tell: Tell, typed: str) -> Document:
    """The figure, measured. Raises Interrupted, NextminiError if nothing of it can be measured."""
    date = datetime.now(UTC).isoformat(timespec="seconds")
    got = await figure.measure(effort, interrupt, tell)
    return Document(
        figure=figure.name,
        title=figure.title,
        command=typed,
        date=date,
        machine=machine(),
        seconds=effort.seconds,
        repeat=effort.repeat,
        quick=effort.size is not effort.size.FULL,
        panels=list(figure.panels),
        rows=got.rows,
        notes=list(figure.notes),
        versions=got.versions,
        stand_in=figure.stand_in,
    )


def keep(document: Document, folder: Path) -> None:
    """Writes the document, and its picture, of which there may be none. Raises OSError, PrerequisiteError."""
    folder.mkdir(parents=True, exist_ok=True)
    document.write(folder / f"{document.figure}.json")
    draw(document, folder / f"{document.figure}.png")


def say(text: str) -> None:
    """A message, which is no result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def teller(figure: Figure) -> Tell:
    """Says what is being measured of a figure."""
    return lambda text: say(f"{figure.name}: {text}")


def parser(what: str) -> argparse.ArgumentParser:
    """Options that all commands have."""
    made = argparse.ArgumentParser(description=what)
    made.add_argument("--quick", action="store_true", help="fewer places, one repetition, half a second each")
    made.add_argument("--seconds", type=float, help="length of each measurement")
    made.add_argument("--repeat", type=int, help="measurements of each value; their median counts")
    made.add_argument("--output", type=Path, default=RESULTS, help="the folder of the files")
    return made


def effort(options: argparse.Namespace) -> Effort:
    """What was asked for. Raises PlanError."""
    usual = Effort.quick() if options.quick else Effort()
    return Effort(
        usual.size,
        usual.seconds if options.seconds is None else options.seconds,
        usual.repeat if options.repeat is None else options.repeat,
    )


def typed(figure: Figure, options: argparse.Namespace) -> str:
    """The command that makes this figure with these options."""
    words = ["--quick"] if options.quick else []
    for name in ("seconds", "repeat"):
        value = getattr(options, name)
        if value is not None:
            words += [f"--{name}", f"{value:g}"]
    return figure.command(words)


def main(figure: Figure, arguments: Sequence[str] | None = None) -> int:
    """Measures the figure, writes its files and prints its tables; returns the exit code."""
    options = parser(figure.title).parse_args(arguments)
    try:
        asked = effort(options)
        document = asyncio.run(_perform(figure, asked, typed(figure, options)))
        keep(document, options.output)
    except PlanError as error:
        say(str(error))
        return error.exit_code
    except Interrupted:
        return INTERRUPTED
    except (NextminiError, OSError) as error:
        say(f"{figure.name}: {error}")
        return 1
    sys.stdout.write(tables(document))
    for failure in document.failures:
        say(f"{figure.name}: {failure}")
    return 1 if document.failures else 0


async def _perform(figure: Figure, asked: Effort, command: str) -> Document:
    interrupt = Interrupt()
    with interrupt.on_signals():
        return await made(figure, asked, interrupt, teller(figure), command)
