"""Samples over time as curves: each a value for every step of one common scale. Pure.

A sample is left out where it would repeat the one before, so what a counter grew by between two samples grew
within the last interval before the second one, and a level stays what it was until it is told again.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_STEPS = 400
"""A figure is not much wider in pixels."""
NOTHING = math.nan
"""Where a curve has no value."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Steps of equal length from 0 on, in seconds."""

    step: float
    steps: int

    @classmethod
    def over(cls, seconds: float, interval: float) -> Scale:
        """As fine as samples are, or as a figure can show."""
        step = max(interval, seconds / MOST_STEPS)
        return cls(step, max(1, math.ceil(seconds / step - 1e-9)))

    def place(self, time: float) -> int:
        """The step that a moment is in; the ends of the scale for moments beyond it."""
        return min(max(math.ceil(time / self.step - 1e-9) - 1, 0), self.steps - 1)

    def ends(self) -> list[float]:
        """When each step ends."""
        return [self.step * (number + 1) for number in range(self.steps)]


class Gatherer(Protocol):
    """Takes the samples of one curve, in the order of time."""

    def add(self, time: float, value: float) -> None:
        """A sample."""

    def values(self) -> array[float]:
        """A value for each step, once all samples are there."""


class Rate:
    """By how much a counter grew, for each second of a step. One that falls has begun again from zero."""

    def __init__(self, scale: Scale, interval: float) -> None:
        self._scale, self._interval = scale, interval
        self._grown = array("d", bytes(8 * scale.steps))
        self._time, self._total = -math.inf, 0.0

    def add(self, time: float, value: float) -> None:
        """See Gatherer."""
        growth = value - self._total if value >= self._total else value
        if growth:
            self._spread(max(self._time, time - self._interval, 0.0), time, growth)
        self._time, self._total = time, value

    def values(self) -> array[float]:
        """See Gatherer."""
        return array("d", (grown / self._scale.step for grown in self._grown))

    def _spread(self, begin: float, end: float, growth: float) -> None:
        first, last = self._scale.place(math.nextafter(begin, math.inf)), self._scale.place(end)
        if first >= last or end <= begin:
            self._grown[last] += growth
            return
        left = growth
        for number in range(first, last):
            reached = self._scale.step * (number + 1)
            part = growth * (min(reached, end) - max(begin, reached - self._scale.step)) / (end - begin)
            self._grown[number] += part
            left -= part
        self._grown[last] += left


class Level:
    """The highest of a level in each step: none before its first sample, and after its last one it stays."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self._values = array("d", [NOTHING]) * scale.steps
        self._last: tuple[int, float] | None = None

    def add(self, time: float, value: float) -> None:
        """See Gatherer."""
        place = self._scale.place(time)
        self._stay(place - 1)
        known = self._values[place]
        self._values[place] = value if math.isnan(known) else max(known, value)
        self._last = place, value

    def values(self) -> array[float]:
        """See Gatherer."""
        self._stay(self._scale.steps - 1)
        return self._values

    def _stay(self, until: int) -> None:
        """From its last sample to this step it was what it was then."""
        if self._last is not None:
            place, level = self._last
            for number in range(place + 1, until + 1):
                self._values[number] = level


class Measure(Level):
    """As a level, but 0 stands for none, and after the last sample there is none either."""

    def add(self, time: float, value: float) -> None:
        """See Gatherer."""
        if value:
            super().add(time, value)

    def values(self) -> array[float]:
        """See Gatherer."""
        return self._values


@dataclass(frozen=True, slots=True)
class Choice:
    """Curves that are shown by themselves, and the sum of the others: None if there are none, or no sum."""

    shown: Mapping[str, Sequence[float]]
    others: int
    rest: Sequence[float] | None


def choose(curves: Mapping[str, Sequence[float]], most: int, rest: Literal["summed", "left out"]) -> Choice:
    """The `most` curves with the largest sums, largest first; those that are always zero are no curves."""
    sums = {name: math.fsum(value for value in values if value > 0) for name, values in curves.items()}
    ranked = sorted((name for name in curves if sums[name]), key=lambda name: (-sums[name], name))
    shown = {name: curves[name] for name in ranked[:most]}
    others = ranked[most:]
    if not others or rest == "left out":
        return Choice(shown, len(others), None)
    return Choice(shown, len(others), total([curves[name] for name in others]))


def total(curves: Sequence[Sequence[float]]) -> list[float]:
    """The sum of curves, step by step; where none has a value there is none."""
    return [
        _sum([value for value in values if not math.isnan(value)]) for values in zip(*curves, strict=True)
    ]


def _sum(values: Sequence[float]) -> float:
    return math.fsum(values) if values else NOTHING
