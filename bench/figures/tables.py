"""Tables of what was measured, in Markdown: ours and peers below each other, a column for each place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.figures.document import Document, Panel, Row, X

UNITS = {
    "gbps": "Gbit/s",
    "ratio": "ratio",
    "cpu_seconds_per_gb": "CPU s/GB",
    "start_seconds": "start s",
    "stop_seconds": "stop s",
    "memory_mb": "MB",
    "node_mb": "MB a node",
    "milliseconds": "ms",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "microseconds": "microseconds",
    "error_percent": "%",
    "share": "of the link's rate",
}


def tables(document: Document) -> str:
    """The tables of all panels, each under its title, and why what is not there is not there."""
    parts = []
    for panel in document.panels:
        rows = document.of_panel(panel)
        if rows:
            parts.append(f"**{panel.title}**\n\n{table(panel, rows)}")
    reasons = missing(document.rows)
    if reasons:
        parts.append("\n".join(f"- {line}" for line in reasons) + "\n")
    return "\n".join(parts)


def table(panel: Panel, rows: Sequence[Row]) -> str:
    """One panel's: a line for each curve and each of its keys, a column for each place.

    A value is the median, with its spread in brackets if it was measured more than once.
    """
    by_place: dict[X, dict[str, Row]] = {}
    for row in rows:
        by_place.setdefault(row.x, {})[row.series] = row
    places = list(by_place)
    if all(isinstance(x, int) for x in places):
        places.sort(key=int)
    headings = ["", panel.x, *map(_place, places)]
    lines = [headings, ["---"] * len(headings)]
    lines += [
        [series, UNITS.get(key, key), *(cell(by_place[x].get(series), key) for x in places)]
        for series, key in _curves(panel, rows)
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(row: Row | None, key: str) -> str:
    """A value as tables show it; `not measured` where there is none, with the reason below the table."""
    if row is None:
        return ""
    median = row.median(key)
    if median is None:
        return "not measured" if row.reason is not None else ""
    least, largest = row.spread(key)
    if len(row.values[key]) == 1:
        return number(median)
    return f"{number(median)} ({number(least)}-{number(largest)})"


def number(value: float) -> str:
    """Three digits of it."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def missing(rows: Iterable[Row]) -> list[str]:
    """Each reason for which something was not measured, with what that is."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.reason is not None:
            places = found.setdefault((row.series, " ".join(row.reason.split())), [])
            if _place(row.x) not in places:
                places.append(_place(row.x))
    return [f"{series} ({', '.join(places)}): {reason}" for (series, reason), places in found.items()]


def _curves(panel: Panel, rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Series and keys that at least one row has; of a series without any value, the panel's own key."""
    found: dict[tuple[str, str], None] = {}
    for row in rows:
        for key in (panel.value, *panel.columns):
            if any(row.series == other.series and other.values.get(key) for other in rows):
                found[row.series, key] = None
        if not any(other.values for other in rows if other.series == row.series):
            found[row.series, panel.value] = None
    return list(found)


def _place(x: X) -> str:
    return f"{x:,}" if isinstance(x, int) else x
