"""What can be asked of a benchmark."""

from __future__ import annotations

from nextmini.bench.figures import significant
from nextmini.errors import NextminiError


class PlanError(NextminiError):
    """What is asked for cannot be measured."""

    exit_code = 2


def within(value: float, option: str, least: float, most: float) -> None:
    """Raises PlanError unless `value` lies between the others."""
    if not least <= value <= most:
        raise PlanError(
            f"{option}: {significant(value):g} cannot be measured", f"choose from {least:g} to {most:g}"
        )
