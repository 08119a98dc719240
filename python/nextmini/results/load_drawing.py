"""How a chart of loads looks: points beside the diagonal, and bars of the fullest links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.results.load_chart import LoadChart

_PREDICTED, _MEASURED = "0.75", "C0"
_THICK = 0.4
_ABOVE = 1.05
"""Of the largest load: where axes end."""


def paint_loads(figure: Any, chart: LoadChart, title: str, plain: Callable[[str], str]) -> None:
    """`plain` makes text of which nothing is taken for a formula."""
    points, bars = figure.subplots(1, 2, width_ratios=(2, 3))
    figure.suptitle(plain(f"{title}: {chart.title}"), fontsize="large")
    largest = max((max(load.predicted, load.measured) for load in chart.loads), default=0.0)
    end = largest * _ABOVE or 1.0
    _paint_points(points, chart, end)
    _paint_bars(bars, chart, plain)


def _paint_points(axes: Any, chart: LoadChart, end: float) -> None:
    axes.plot((0, end), (0, end), color="0.6", linestyle="--", linewidth=1, label="as predicted")
    axes.scatter(
        [load.predicted for load in chart.loads],
        [load.measured for load in chart.loads],
        s=18,
        color=_MEASURED,
        alpha=0.7,
        zorder=2,
    )
    axes.set_xlim(0, end)
    axes.set_ylim(0, end)
    axes.set_aspect("equal")
    axes.set_xlabel(f"predicted ({chart.unit})")
    axes.set_ylabel(f"measured ({chart.unit})")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper left", fontsize="small", frameon=False)


def _paint_bars(axes: Any, chart: LoadChart, plain: Callable[[str], str]) -> None:
    """With the shares of links' rates at their ends."""
    places = range(len(chart.named))
    for shift, colour, label, amounts, uses in (
        (-_THICK, _PREDICTED, "predicted", *_columns(chart, "predicted", "predicted_use")),
        (0.0, _MEASURED, "measured", *_columns(chart, "measured", "use")),
    ):
        drawn = axes.barh(
            [place + shift for place in places], amounts, _THICK, align="edge", color=colour, label=label
        )
        axes.bar_label(drawn, [_percent(use) for use in uses], padding=2, fontsize="x-small")
    axes.set_yticks(places, [plain(load.name) for load in chart.named], fontsize="small")
    axes.set_ylim(max(len(chart.named), 1) - 0.5, -0.5)
    axes.margins(x=0.1)
    axes.set_xlabel(f"{chart.unit}, and share of the link's rate")
    axes.grid(visible=True, axis="x", alpha=0.3)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, fontsize="small", frameon=False)


def _columns(chart: LoadChart, amount: str, use: str) -> tuple[list[float], list[float | None]]:
    return [getattr(load, amount) for load in chart.named], [getattr(load, use) for load in chart.named]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
