"""The rows of `nextmini bench fidelity` as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from nextmini.bench.fidelity.row import Row

HEADINGS = ("Asked", "Measured", "Error", "In order", "Bare timer", "Passed")
WIDTH = 140
LEAST_BUSY = 0.99
"""Packets must have waited for a link for this share of the time, or its rate was not what was measured."""


def print_rows(rows: Sequence[Row], file: TextIO) -> None:
    """Prints the table; in colour, and in the width of the terminal, if `file` is one."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Setting", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.setting, *_cells(row))
    console = Console(file=file, highlight=False, width=None if file.isatty() else WIDTH)
    console.print(table)
    for row in rows:
        if row.facts.get("busy", 1.0) < LEAST_BUSY:
            console.print(
                f"{row.setting}: packets were waiting for {row.facts['busy']:.1%} of the time only; "
                "this machine cannot offer more, so the link was not to blame"
            )


def _cells(row: Row) -> list[str]:
    least, largest = row.bound
    timer = f"{row.facts['timer']:.4g} ms" if "timer" in row.facts else ""
    verdict = "[green]yes[/green]" if row.passed else "[red]no[/red]"
    measures = [_value(row, row.asked), _value(row, row.measured), _error(row, row.error)]
    return [*measures, f"{_error(row, least)} to {_error(row, largest)}", timer, verdict]


def _value(row: Row, value: float) -> str:
    match row.unit:
        case "bit/s":
            return f"{value / 1e6:.6g} Mbit/s"
        case "ms":
            return f"{value:.6g} ms"
        case "share":
            return f"{value * 100:.4g} %"


def _error(row: Row, error: float) -> str:
    return f"{error:+.4g} ms" if row.unit == "ms" else f"{error * 100:+.3g} %"
