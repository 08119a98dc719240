"""Charts as files, by matplotlib, which is imported when something is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from nextmini.errors import PrerequisiteError
from nextmini.experiment.series_files import whole_file
from nextmini.results.finding import ResultError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nextmini.results.charts import Chart

Format = Literal["svg", "png", "pdf"]
_INCHES = (10.0, 5.0)
_MOST_MARKED = 100
# The same chart is the same file, and text stays text.
_SETTINGS: dict[str, Any] = {"svg.hashsalt": "nextmini", "svg.fonttype": "none"}
_UNDATED: dict[Format, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
_REST = {"color": "0.6", "linestyle": "--"}


def require_matplotlib() -> Any:
    """matplotlib, with its class of figures: drawn in memory (Agg, or the format's own), without any display.

    Raises PrerequisiteError if it is not installed.
    """
    try:
        import matplotlib as mpl
        import matplotlib.figure
    except ImportError as error:
        raise PrerequisiteError(
            "drawing needs matplotlib, which is not installed", "install it: pip install 'nextmini[plot]'"
        ) from error
    return mpl


def draw(charts: Sequence[Chart], folder: Path, format: Format, title: str) -> list[Path]:
    """Draws each chart into a file of its own; returns the files.

    Raises ResultError if they cannot be written, PrerequisiteError without matplotlib.
    """
    mpl = require_matplotlib()
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for chart in charts:
            path = folder / f"{chart.kind.name}.{format}"
            with whole_file(path) as partial, mpl.rc_context(_SETTINGS):
                figure = _figure(mpl.figure.Figure, chart, title)
                figure.savefig(partial, format=format, dpi=150, metadata=_UNDATED.get(format))
            paths.append(path)
    except OSError as error:
        said = error.strerror or error
        raise ResultError(f"{folder} cannot be written: {said}", "choose another with -o") from error
    return paths


def _figure(figure_class: Any, chart: Chart, title: str) -> Any:
    figure = figure_class(figsize=_INCHES, layout="constrained")
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
    return figure


def _plain(text: str) -> str:
    """Text in which nothing is taken for a formula, nor for a name that legends leave out."""
    escaped = text.replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped
