"""Figures of repeated measurements: the median, and how far they spread."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DIGITS = 4


def middle(values: Sequence[float]) -> float:
    """The median, rounded to what can be meant."""
    return significant(median(values))


def spread(values: Sequence[float]) -> list[float]:
    """The least and the largest."""
    return [significant(min(values)), significant(max(values))]


def significant(value: float) -> float:
    """`value` with four significant digits."""
    return float(f"{value:.{DIGITS}g}")
