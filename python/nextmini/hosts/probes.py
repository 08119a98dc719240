"""Pings between many nodes at once: which is sent when, and what became of each. Pure.

Times are in seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Key = tuple[str, int]
    Event = int | Key

_NUMBERS = 2**16


@dataclass(frozen=True, slots=True)
class Pair:
    """From the node `source` to the node `destination`, which has this `address`."""

    source: str
    destination: str
    address: str


@dataclass(frozen=True, slots=True)
class Pace:
    """So many pings for each pair, one every `interval`, each waited for as long as `patience`.

    In parallel each source has two pairs under way: more would fill slow links, and what waits there would
    be taken for lost. In sequence there is one pair in all, so that none waits for another.
    """

    count: int = 1
    interval: float = 1.0
    patience: float = 1.0
    order: Literal["parallel", "sequence"] = "parallel"

    def lane(self, pair: Pair) -> str:
        """Pairs with the same lane wait for each other."""
        return pair.source if self.order == "parallel" else ""

    @property
    def at_once(self) -> int:
        """Pairs of a lane that are under way."""
        return 2 if self.order == "parallel" else 1


@dataclass(slots=True)
class Outcome:
    """What became of a pair's pings: round trip times of those that were answered."""

    pair: Pair
    sent: int = 0
    unreachable: int = 0
    times: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    """From the first request to the last answer or to the end of patience."""

    @property
    def received(self) -> int:
        return len(self.times)

    @property
    def range(self) -> tuple[float, float, float, float]:
        """The least, mean and greatest round trip time and their deviation, as ping has them; or zeros."""
        if not self.times:
            return (0.0, 0.0, 0.0, 0.0)
        mean = sum(self.times) / len(self.times)
        square = sum(time * time for time in self.times) / len(self.times)
        return (min(self.times), mean, max(self.times), max(0.0, square - mean * mean) ** 0.5)


@dataclass(frozen=True, slots=True)
class Request:
    """An echo request that is to be sent now."""

    source: str
    number: int
    address: str


class Round:
    """All pings of some pairs, one source's pairs in their order."""

    def __init__(self, pairs: Iterable[Pair], pace: Pace, now: float) -> None:
        self.outcomes = [Outcome(pair) for pair in pairs]
        self._pace = pace
        self._completed: list[Outcome] = []
        self._open = [pace.count] * len(self.outcomes)
        self._left = sum(self._open)
        self._began: dict[int, float] = {}
        self._order = count()
        self._events: list[tuple[float, int, Event]] = []
        self._under_way: dict[Key, int] = {}
        self._numbers: dict[str, int] = {}
        self._waiting: dict[str, deque[int]] = {}
        for index, outcome in enumerate(self.outcomes):
            self._waiting.setdefault(pace.lane(outcome.pair), deque()).append(index)
        for lane in self._waiting:
            for _ in range(pace.at_once):
                self._next_pair(lane, now)

    @property
    def sources(self) -> Sequence[str]:
        return list(dict.fromkeys(outcome.pair.source for outcome in self.outcomes))

    @property
    def wake(self) -> float | None:
        """When `due` is to be called at the latest; None when all is done."""
        return self._events[0][0] if self._left else None

    def due(self, now: float) -> list[Request]:
        """What is to be sent now; what has been waited for long enough is given up."""
        requests = []
        while self._events and self._events[0][0] <= now:
            _, _, event = heappop(self._events)
            if isinstance(event, int):
                requests.append(self._request(event, now))
            elif event in self._under_way:
                self._settle(event, now)
        return requests

    def completed(self) -> list[Outcome]:
        """The pairs that have been completed since this was asked last."""
        completed, self._completed = self._completed, []
        return completed

    def answered(self, key: Key, time: float, now: float) -> None:
        """A request was answered after `time`; nothing happens if that was twice, or too late."""
        if key in self._under_way:
            self.outcomes[self._under_way[key]].times.append(time)
            self._settle(key, now)

    def unreachable(self, key: Key, now: float) -> None:
        """It was said that a request gets nowhere."""
        if key in self._under_way:
            self.outcomes[self._under_way[key]].unreachable += 1
            self._settle(key, now)

    def _request(self, index: int, now: float) -> Request:
        outcome = self.outcomes[index]
        pair, pace = outcome.pair, self._pace
        number = self._numbers.get(pair.source, 0)
        self._numbers[pair.source] = (number + 1) % _NUMBERS
        self._under_way[pair.source, number] = index
        self._began.setdefault(index, now)
        outcome.sent += 1
        self._at(now + pace.patience, (pair.source, number))
        if outcome.sent < pace.count:
            self._at(self._began[index] + outcome.sent * pace.interval, index)
        return Request(pair.source, number, pair.address)

    def _settle(self, key: Key, now: float) -> None:
        index = self._under_way.pop(key)
        self.outcomes[index].elapsed = now - self._began[index]
        self._left -= 1
        self._open[index] -= 1
        if self._open[index] == 0:
            self._completed.append(self.outcomes[index])
            self._next_pair(self._pace.lane(self.outcomes[index].pair), now)

    def _next_pair(self, lane: str, now: float) -> None:
        if self._waiting[lane]:
            self._at(now, self._waiting[lane].popleft())

    def _at(self, when: float, event: Event) -> None:
        heappush(self._events, (when, next(self._order), event))
