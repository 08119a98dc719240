"""How far results may differ, as somebody writes it."""

from __future__ import annotations

from nextmini.results.finding import ResultError
from nextmini.scenario.units import UnitError, parse_share


def parse_tolerance(text: str) -> float:
    """A share, of `5%`, `5 %` or `0.05`. Raises ResultError if it is none."""
    try:
        return parse_share(float(text)) if "%" not in text else parse_share(text)
    except ValueError:
        said = f"{text!r} is no share"
    except UnitError as error:
        said = error.message
    raise ResultError(f"--tolerance: {said}", 'write "5 %" or 0.05')
