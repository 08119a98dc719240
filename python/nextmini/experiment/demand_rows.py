"""Demands as a person reads them: a row for each, and below it one for each class of sizes that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from nextmini.experiment.quantities import rate, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

_TITLES = ("Flows", "Completed", "Offered", "Carried", "Time p50", "p99", "mean", "Slowdown p50", "p99")


def demand_table(demands: list[dict[str, Any]]) -> Table:
    """The demands of a result document."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Demand", no_wrap=True)
    for title in _TITLES:
        table.add_column(title, justify="right", no_wrap=True)
    for demand in demands:
        table.add_row(
            escape(demand["name"]),
            *_counts(demand),
            "" if demand["offered_bps"] is None else rate(demand["offered_bps"]),
            rate(demand["carried_bps"]),
            *_times(demand),
        )
        for one in demand["sizes"]:
            if one["flows"]:
                table.add_row(f"  {one['sizes']}", *_counts(one), "", "", *_times(one))
    return table


def _counts(entry: Mapping[str, Any]) -> tuple[str, str]:
    return f"{entry['flows']:,}", f"{entry['completed']:,}"


def _times(entry: Mapping[str, Any]) -> list[str]:
    times, slowdown = entry["completion_seconds"] or {}, entry["slowdown"] or {}
    said = [seconds(times[key]) if key in times else "" for key in ("p50", "p99", "mean")]
    return said + [f"{slowdown[key]:.3g}" if key in slowdown else "" for key in ("p50", "p99")]
