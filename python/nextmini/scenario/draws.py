"""Random choices that are the same for a seed on every machine and in every version of Python.

Of `random.Random`, only `random()` promises the same sequence for ever, so every choice is made from it.
Each purpose draws from a stream of its own: asking for one more flow leaves the topology as it was.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableSequence


class Draws:
    """The stream of random choices that belongs to `seed` and `purpose`."""

    def __init__(self, seed: int, *purpose: str | int) -> None:
        self._random = random.Random("/".join(map(str, (seed, *purpose))))  # noqa: S311 (not for secrets)

    def below(self, bound: int) -> int:
        """A whole number from 0 up to, but not including, `bound` (at most 2^53)."""
        return int(self._random.random() * bound)

    def share(self) -> float:
        """A number from 0 up to, but not including, 1."""
        return self._random.random()

    def exponential(self, mean: float) -> float:
        """A number above 0 (or 0) from the exponential distribution of this mean."""
        return -mean * math.log1p(-self._random.random())

    def shuffle(self, items: MutableSequence[Any]) -> None:
        """Puts `items` in random order, in place (Fisher and Yates)."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]

    def sample(self, count: int, bound: int) -> list[int]:
        """`count` different numbers below `bound`, in random order (Floyd's algorithm, then a shuffle).

        Raises ValueError if there are not as many.
        """
        if count > bound:
            raise ValueError(f"{count} different numbers below {bound}")
        chosen: dict[int, None] = {}
        for top in range(bound - count, bound):
            pick = self.below(top + 1)
            chosen[top if pick in chosen else pick] = None
        found = list(chosen)
        self.shuffle(found)
        return found
