"""What can be asked of a benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.bench.figures import significant
from nextmini.errors import NextminiError

if TYPE_CHECKING:
    from collections.abc import Sequence


class PlanError(NextminiError):
    """What is asked for cannot be measured."""

    exit_code = 2


def within(value: float, option: str, least: float, most: float) -> None:
    """Raises PlanError unless `value` lies between the others."""
    if not least <= value <= most:
        raise PlanError(
            f"{option}: {significant(value):g} cannot be measured", f"choose from {least:g} to {most:g}"
        )


def each_once(values: Sequence[object], option: str, example: str) -> None:
    """Raises PlanError unless there is a value, and none twice."""
    if not values or len(set(values)) < len(values):
        raise PlanError(f"{option}: each value once, and at least one", f"such as {option} {example}")
