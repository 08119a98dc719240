"""When what happens: events as steps in time.

An event that lasts for a while is two steps, one that does it and one that undoes it. A flap is as many as
its time has room for, and without a duration it never ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import merge
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nextmini.controller.events.happening import Happening


@dataclass(frozen=True, slots=True)
class Step:
    """At `at` seconds the event is done, or undone; after the `last` step nothing of it remains."""

    at: float
    event: int
    does: bool
    last: bool = False


class Timeline:
    """The steps of all events, earliest first; of several at one time the earlier row comes first."""

    def __init__(self, events: Iterable[Happening]) -> None:
        ordered = sorted(events, key=attrgetter("id"))
        self._steps = merge(*map(steps, ordered), key=attrgetter("at"))
        self._next = next(self._steps, None)

    def peek(self) -> Step | None:
        """The next step; None when there are no more."""
        return self._next

    def pop(self) -> None:
        """Goes on to the one after."""
        self._next = next(self._steps, None)


def steps(event: Happening) -> Iterator[Step]:
    """The steps of one event."""
    if event.kind == "flap":
        yield from _flap(event)
        return
    yield Step(event.at, event.id, does=True)
    if event.ends is not None:
        yield Step(event.ends, event.id, does=False, last=True)


def _flap(event: Happening) -> Iterator[Step]:
    ends = float("inf") if event.ends is None else event.ends
    down_for = event.period * (1 - event.duty)
    for round in count():
        # Not added up: errors would.
        begins = event.at + round * event.period
        if begins >= ends:
            return
        yield Step(begins, event.id, does=True)
        # The same sum as the next round would have: another one may be on the other side of `ends`.
        over = event.at + (round + 1) * event.period >= ends
        yield Step(min(begins + down_for, ends), event.id, does=False, last=over)
