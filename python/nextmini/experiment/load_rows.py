"""Loads of links as a person reads them: the fullest ones, and how far off the prediction is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from nextmini.experiment.quantities import rate

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_LOADS = 10


def load_table(loads: Sequence[dict[str, Any]]) -> Table:
    """The links that are predicted to be the fullest, or to carry most where none has a rate."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Link", no_wrap=True)
    for title in ("Rate", "Predicted", "Measured", "Predicted use", "Measured use"):
        table.add_column(title, justify="right", no_wrap=True)
    for load in sorted(loads, key=_fullest)[:MOST_LOADS]:
        table.add_row(
            escape(f"{load['from']} -> {load['to']}"),
            "" if load["rate_bps"] is None else rate(load["rate_bps"]),
            rate(load["predicted_bps"]),
            rate(load["measured_bps"]),
            _percent(load["predicted_utilisation"]),
            _percent(load["utilisation"]),
        )
    return table


def load_summary(loads: Sequence[dict[str, Any]]) -> str:
    """In one line."""
    uses = [(load["predicted_utilisation"], load["utilisation"]) for load in loads if load["rate_bps"]]
    text = f"Loads of {len(loads)} directions of links"
    total = sum(load["predicted_bps"] for load in loads)
    off = sum(abs(load["measured_bps"] - load["predicted_bps"]) for load in loads)
    if total:
        text += f": measured and predicted differ by {100 * off / total:.1f} % of all that was predicted"
    if uses:
        predicted, measured = max(use for use, _ in uses), max(use for _, use in uses)
        text += f"; fullest {predicted:.1%} predicted, {measured:.1%} measured"
    return text


def _fullest(load: dict[str, Any]) -> tuple[float, float]:
    return -(load["predicted_utilisation"] or 0.0), -load["predicted_bps"]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
