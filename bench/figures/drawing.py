"""Pictures of figures: ours, peers and baselines, and what the paper says in words."""

from __future__ import annotations

import io
from textwrap import fill
from typing import TYPE_CHECKING, Any

from bench.figures.document import Look, Origin
from bench.figures.paper import said_of
from nextmini.experiment.drawing.library import SETTINGS, require_matplotlib

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.figures.document import Document, Panel, Row
    from bench.figures.paper import Statement

MOST_BYTES = 100_000
"""Of a picture, since all of them are kept."""
_INCHES = (5.4, 4.4)
_DPIS = (100, 80, 60)
_LINES = {Origin.OURS: "-", Origin.BASELINE: ":", Origin.PEER: "--"}
_MARKERS = "osD^v<>PX*"
_LINE = 64
"""Characters below a panel."""
_WIDTH = 0.8
"""Of all bars of a place together."""


def draw(document: Document, path: Path) -> None:
    """Draws all panels that have values, side by side; if there are none, there is no picture.

    Raises OSError, PrerequisiteError without matplotlib.
    """
    panels = [(panel, _measured(document, panel)) for panel in document.panels]
    panels = [(panel, rows) for panel, rows in panels if rows]
    if not panels:
        path.unlink(missing_ok=True)
        return
    mpl = require_matplotlib()
    with mpl.rc_context(SETTINGS):
        width, height = _INCHES
        figure = mpl.figure.Figure(figsize=(width * len(panels), height), layout="constrained")
        for axes, (panel, rows) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            _paint(axes, panel, rows, said_of(document.figure, panel.key))
        if document.stand_in is not None:
            figure.suptitle("a stand-in, on one machine", fontsize="medium")
        path.write_bytes(_picture(figure))


def _picture(figure: Any) -> bytes:
    """As PNG, as sharp as fits."""
    for dpi in _DPIS:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
        if buffer.tell() <= MOST_BYTES:
            break
    return buffer.getvalue()


def _measured(document: Document, panel: Panel) -> list[Row]:
    return [row for row in document.of_panel(panel) if row.values.get(panel.value)]


def _paint(axes: Any, panel: Panel, rows: Sequence[Row], statements: Sequence[Statement]) -> None:
    if panel.look is Look.BARS:
        _bars(axes, panel, rows)
    else:
        axes.set_xscale(panel.x_scale)
        _curves(axes, panel, rows)
    axes.set_yscale(panel.y_scale)
    if panel.y_scale == "linear":
        axes.set_ylim(bottom=0)
    for statement in statements:
        _annotate(axes, statement)
    axes.set_title(panel.title, fontsize="medium")
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.unit)
    axes.grid(visible=True, alpha=0.3)
    below = -0.16 if panel.look is Look.LINES else -0.24
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, below), ncols=2, fontsize="x-small", frameon=False)


def _curves(axes: Any, panel: Panel, rows: Sequence[Row]) -> None:
    places = sorted({row.x for row in rows}, key=float)
    for at, (series, its) in enumerate(_by_series(rows).items()):
        its.sort(key=lambda row: float(row.x))
        medians, below, above = _heights(panel, its)
        axes.errorbar(
            [row.x for row in its],
            medians,
            yerr=(below, above),
            label=series,
            linestyle=_LINES[its[0].origin],
            linewidth=1.8 if its[0].origin is Origin.OURS else 1.2,
            marker=_MARKERS[at % len(_MARKERS)],
            markersize=4,
            capsize=2,
        )
    axes.set_xticks(places, [str(place) for place in places])
    axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)


def _bars(axes: Any, panel: Panel, rows: Sequence[Row]) -> None:
    places = list(dict.fromkeys(row.x for row in rows))
    series = _by_series(rows)
    width = _WIDTH / len(series)
    for at, (name, its) in enumerate(series.items()):
        medians, below, above = _heights(panel, its)
        centres = [places.index(row.x) + (at - (len(series) - 1) / 2) * width for row in its]
        axes.bar(centres, medians, width, yerr=(below, above), label=name, capsize=2)
    names = [fill(str(place), _LINE // len(places)) for place in places]
    axes.set_xticks(range(len(places)), names, fontsize="x-small")


def _heights(panel: Panel, rows: Sequence[Row]) -> tuple[list[float], list[float], list[float]]:
    """Medians, and how far the spread goes below and above each."""
    medians, below, above = [], [], []
    for row in rows:
        median = row.median(panel.value) or 0.0
        least, largest = row.spread(panel.value)
        medians.append(median)
        below.append(max(0.0, median - least))
        above.append(max(0.0, largest - median))
    return medians, below, above


def _annotate(axes: Any, statement: Statement) -> None:
    """A value of the paper: across the panel, or at its place."""
    if statement.value is None:
        return
    label = f"the paper: {statement.short}"
    if statement.at is None:
        axes.axhline(statement.value, color="0.4", linestyle="-.", linewidth=1, label=label)
    else:
        axes.plot(
            [statement.at],
            [statement.value],
            color="0.4",
            marker="*",
            markersize=9,
            linestyle="",
            label=label,
        )


def _by_series(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.series, []).append(row)
    return found
