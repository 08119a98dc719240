"""How much is measured: all of it, or enough to see that everything works."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from nextmini.bench.plan import within

T = TypeVar("T")

LEAST_IPERF_SECONDS = 1.0
"""iperf3 counts whole seconds."""


class Size(Enum):
    """How many places of each curve are measured."""

    FULL = "full"
    QUICK = "quick"


@dataclass(frozen=True, slots=True)
class Effort:
    """Each measurement takes `seconds`, and is made `repeat` times.

    Raises PlanError if that makes no sense.
    """

    size: Size = Size.FULL
    seconds: float = 1.0
    repeat: int = 3

    def __post_init__(self) -> None:
        within(self.seconds, "--seconds", 0.1, 3_600)
        within(self.repeat, "--repeat", 1, 1_000)

    @classmethod
    def quick(cls) -> Effort:
        """A few minutes for all figures."""
        return cls(Size.QUICK, 0.5, 1)

    def choose(self, full: T, quick: T) -> T:
        """What fits the size."""
        return full if self.size is Size.FULL else quick

    @property
    def iperf_seconds(self) -> float:
        """How long a measurement by iperf3 takes."""
        return max(self.seconds, LEAST_IPERF_SECONDS)
