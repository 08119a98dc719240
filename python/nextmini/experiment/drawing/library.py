"""matplotlib, which is imported when something is drawn and not before, since not everybody has it."""

from __future__ import annotations

from typing import Any

from nextmini.errors import PrerequisiteError

SETTINGS: dict[str, Any] = {"svg.hashsalt": "nextmini", "svg.fonttype": "none"}
"""The same drawing is the same file, and text stays text."""


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
