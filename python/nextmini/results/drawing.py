"""Charts as files, by matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from nextmini.experiment.drawing.library import SETTINGS, require_matplotlib
from nextmini.experiment.series_files import whole_file
from nextmini.results.finding import ResultError
from nextmini.results.load_chart import LoadChart
from nextmini.results.load_drawing import paint_loads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nextmini.results.charts import Chart

Format = Literal["svg", "png", "pdf"]
_INCHES = (10.0, 5.0)
_MOST_MARKED = 100
_UNDATED: dict[Format, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
_REST = {"color": "0.6", "linestyle": "--"}


def draw(charts: Sequence[Chart | LoadChart], folder: Path, format: Format, title: str) -> list[Path]:
    """Draws each chart into a file of its own; returns the files.

    Raises ResultError if they cannot be written, PrerequisiteError without matplotlib.
    """
    mpl = require_matplotlib()
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for chart in charts:
            path = folder / f"{chart.name}.{format}"
            with whole_file(path) as partial, mpl.rc_context(SETTINGS):
                figure = mpl.figure.Figure(figsize=_INCHES, layout="constrained")
                _paint(figure, chart, title)
                figure.savefig(partial, format=format, dpi=150, metadata=_UNDATED.get(format))
            paths.append(path)
    except OSError as error:
        said = error.strerror or error
        raise ResultError(f"{folder} cannot be written: {said}", "choose another with -o") from error
    return paths


def _paint(figure: Any, chart: Chart | LoadChart, title: str) -> None:
    if isinstance(chart, LoadChart):
        paint_loads(figure, chart, title, _plain)
    else:
        _paint_curves(figure, chart, title)


def _paint_curves(figure: Any, chart: Chart, title: str) -> None:
    axes = figure.add_subplot()
    # A sample between two gaps is no line.
    marker = "." if len(chart.times) <= _MOST_MARKED else ""
    for name, values in chart.choice.shown.items():
        axes.plot(chart.times, values, label=_plain(name), linewidth=1.2, marker=marker)
    if chart.choice.rest is not None:
        axes.plot(chart.times, chart.choice.rest, label=f"{chart.choice.others} others, summed", **_REST)
    axes.set_title(_plain(f"{title}: {chart.kind.title}"))
    axes.set_xlabel("time (s)")
    axes.set_ylabel(chart.kind.unit)
    axes.set_xlim(0, chart.times[-1])
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    if axes.lines:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small", frameon=False)
    else:
        axes.text(0.5, 0.5, "nothing", transform=axes.transAxes, ha="center", color="0.5")


def _plain(text: str) -> str:
    """Text in which nothing is taken for a formula, nor for a name that legends leave out."""
    escaped = text.replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped
