"""How far results may differ, as somebody writes it."""

from __future__ import annotations

from nextmini.results.finding import ResultError
from nextmini.scenario.units import UnitError, parse_share


def parse_tolerance(text: str) -> float:
    """A share, of `5%`, `5 %` or `0.05`. Raises ResultError if it is none."""
    try:
        return parse_share(text) if "%" in text else _number(text)
    except UnitError as error:
        raise ResultError(f"--tolerance: {error.message}", error.remedy) from error


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise UnitError(f"{text!r} is no share", 'write "5 %" or 0.05')
    return number
