"""When what happens: events as steps in time.

An event that lasts for a while is two steps, one that does it and one that undoes it. A flap is as many as
its time has room for, and without a duration it never ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count, islice
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

    def __init__(self, events: Iterable[Happening] = ()) -> None:
        self._next: list[tuple[float, int, int]] = []
        """The time of each event's next step, its number, and which entry of that number counts."""
        self._steps: dict[int, tuple[int, Step, Iterator[Step]]] = {}
        self._entries = count()
        for event in events:
            self.add(event)

    def add(self, event: Happening, done: int = 0) -> None:
        """The event is to happen, instead of one with the same number; so many steps of it are over."""
        self._take(event.id, islice(steps(event), done, None))

    def end(self, event: int, at: float) -> None:
        """Of this event there is one more step: it is undone."""
        self._take(event, iter([Step(at, event, does=False, last=True)]))

    def remove(self, event: int) -> None:
        """Nothing more of this event is to happen."""
        self._steps.pop(event, None)

    def peek(self) -> Step | None:
        """The next step; None when there are no more."""
        while self._next:
            _, event, entry = self._next[0]
            known = self._steps.get(event)
            if known is not None and known[0] == entry:
                return known[1]
            heappop(self._next)
        return None

    def pop(self) -> None:
        """Goes on to the one after."""
        step = self.peek()
        if step is not None:
            self._take(step.event, self._steps[step.event][2])

    def _take(self, event: int, following: Iterator[Step]) -> None:
        step, entry = next(following, None), next(self._entries)
        if step is None:
            self._steps.pop(event, None)
            return
        self._steps[event] = (entry, step, following)
        heappush(self._next, (step.at, event, entry))


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
