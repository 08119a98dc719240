"""Figures of repeated measurements: the median, and how far they spread."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, log
from statistics import linear_regression, median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DIGITS = 4
FEWEST_POINTS = 3
"""Of which a power law can be told from a straight line."""


@dataclass(slots=True)
class Samples:
    """Throughputs of one chain, one value a repetition."""

    gbps: list[float] = field(default_factory=list)
    baseline: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """CPU seconds of the dataplane process, by GB delivered."""
    baseline_cpu: list[float] = field(default_factory=list)
    """Of the baseline's process, where it has one."""

    def ratios(self) -> list[float]:
        """Ours by the baseline that was measured right after it."""
        return quotients(self.gbps, self.baseline)


def quotients(values: Sequence[float], others: Sequence[float]) -> list[float]:
    """Each by the one of the same repetition."""
    return [value / other for value, other in zip(values, others, strict=True)]


def middle(values: Sequence[float]) -> float:
    """The median, rounded to what can be meant."""
    return significant(median(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that so many percent of all are not above (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, ceil(percent / 100 * len(ranked)) - 1)]


def spread(values: Sequence[float]) -> list[float]:
    """The least and the largest."""
    return [significant(min(values)), significant(max(values))]


def exponent(points: Sequence[tuple[float, float]]) -> float | None:
    """The x of the power law `value ~ size ** x` that is nearest to (size, value), by least squares of logs.

    None if there are fewer than three sizes, or one value of them is not above 0, as no power law's is.
    """
    if len({size for size, _ in points}) < FEWEST_POINTS or any(value <= 0 for _, value in points):
        return None
    sizes, values = ([log(point[axis]) for point in points] for axis in (0, 1))
    return linear_regression(sizes, values).slope


def each_more(points: Sequence[tuple[float, float]]) -> float | None:
    """How much the value grows by one more, between the smallest size and the largest; None of one size."""
    (least, below), (most, above) = min(points), max(points)
    return (above - below) / (most - least) if most > least else None


def significant(value: float) -> float:
    """`value` with four significant digits."""
    return float(f"{value:.{DIGITS}g}")
