"""A picture on paper, by matplotlib."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from nextmini.errors import NextminiError
from nextmini.experiment.drawing.library import SETTINGS, require_matplotlib
from nextmini.scenario.wording import alternatives

if TYPE_CHECKING:
    from nextmini.experiment.drawing.picture import Line, Picture

_FORMATS: dict[str, dict[str, Any]] = {
    ".svg": {"Date": None},
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None},
}
"""Formats, and what is left out of them so that the same picture is the same file."""
_PLAIN = "#5b7083"
_LEAST = 0.15
_MANY = 60
"""Nodes, above which everything gets smaller."""


class FormatError(NextminiError):
    """A drawing cannot be had in this format."""

    exit_code = 2


class Drawn(NamedTuple):
    """A file's content, and what is to be told of it."""

    content: bytes
    notices: tuple[str, ...]


def drawn(picture: Picture, suffix: str) -> Drawn:
    """The picture as a file whose name ends so.

    Raises FormatError for other endings than .svg, .png and .pdf, PrerequisiteError without matplotlib.
    """
    if suffix.lower() not in _FORMATS:
        raise FormatError(f"{suffix or 'a name without ending'} is no format of drawings", _endings())
    mpl = require_matplotlib()
    with mpl.rc_context(SETTINGS), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure = mpl.figure.Figure(figsize=(11, 7), layout="constrained")
        _paint(figure, picture)
        content = io.BytesIO()
        metadata = _FORMATS[suffix.lower()]
        figure.savefig(content, format=suffix.lower()[1:], dpi=150, metadata=metadata)
    texts = {str(warning.message) for warning in caught}
    missing = any("Glyph" in text for text in texts) and suffix.lower() != ".svg"
    notices = sorted(text for text in texts if "Glyph" not in text)
    if missing:
        notices.append("the font lacks letters of some labels: .svg leaves them to who shows it")
    return Drawn(content.getvalue(), tuple(notices))


def _paint(figure: Any, picture: Picture) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection
    from matplotlib.colors import Normalize

    axes = figure.add_subplot()
    small = min(1.0, _MANY / len(picture.spots))
    thin = max(small, _LEAST)
    colours = ScalarMappable(Normalize(0, 100), "turbo")
    axes.add_collection(
        LineCollection(
            [line.ends for line in picture.lines],
            linewidths=[line.width * thin for line in picture.lines],
            linestyles=["dashed" if line.dashed else "solid" for line in picture.lines],
            colors=[_colour(line, colours) for line in picture.lines],
            zorder=1,
        )
    )
    xs, ys = [x for x, _ in picture.spots], [y for _, y in picture.spots]
    axes.scatter(xs, ys, s=36 * thin, linewidths=thin, color="white", edgecolors="black", zorder=2)
    for label, (x, y) in zip(picture.labels, picture.spots, strict=True):
        # A label is text, whatever it has of mathematics.
        axes.annotate(
            label,
            (x, y),
            xytext=(4, 4),
            textcoords="offset points",
            fontsize=max(2.5, 9 * small),
            parse_math=False,
            zorder=3,
        )
    axes.set_title(picture.title, parse_math=False)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.08)
    axes.set_axis_off()
    if picture.coloured:
        figure.colorbar(colours, ax=axes, label="Utilisation of the busier direction, %", shrink=0.7)


def _colour(line: Line, colours: Any) -> Any:
    return _PLAIN if line.used is None else colours.to_rgba(100 * line.used)


def _endings() -> str:
    return f"name a file that ends in {alternatives(_FORMATS)}"
