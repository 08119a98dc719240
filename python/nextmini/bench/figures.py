"""Figures of repeated measurements: the median, and how far they spread."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DIGITS = 4


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


def significant(value: float) -> float:
    """`value` with four significant digits."""
    return float(f"{value:.{DIGITS}g}")
