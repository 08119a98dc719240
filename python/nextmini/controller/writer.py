"""Writes states and metrics to the database, in batches: each statement wakes everybody who listens.

What cannot be written now is kept and tried again: states without a bound, since there is one a row; metrics
up to a bound, beyond which the oldest are given up, counted and reported.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from nextmini.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from nextmini.store import FlowMetric, LinkMetric, Store
    from nextmini.store.rows import EventState, FlowState, LinkState, NodeState, RouteState

    State = NodeState | LinkState | RouteState | FlowState | EventState

log = logging.getLogger(__name__)
T = TypeVar("T")

STATES_SECONDS = 0.05
"""States of at most this long are written together."""
MOST_METRICS = 200_000
"""Samples that are kept while the database cannot be written."""

SHORTEST_SECONDS = 0.001
STATE_SECONDS = 0.001
"""The pause after writing a state, in which more is gathered: one that comes alone is written at once."""
METRIC_SECONDS = 0.000_05
"""The pause after writing a sample."""


class Batcher:
    """Calls `flush` whenever there is something to write, but with a pause in between to gather more.

    The pause follows how many rows were written, so that what comes alone is written soon, and what comes
    in a flood is written together. It does not follow how long that took: on a busy machine what is small
    would wait.
    """

    def __init__(self, flush: Callable[[], Awaitable[int]], longest: float, a_row: float, what: str) -> None:
        """`flush` returns how many rows it has written; `a_row` is the pause for each of them and `longest`
        the longest one, in seconds.
        """
        self._flush = flush
        self._longest = longest
        self._a_row = a_row
        self._what = what
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._failing = False

    def wake(self) -> None:
        """There is something to write."""
        self._wake.set()

    def stop(self) -> None:
        """Makes `run` return, but not in the middle of writing: nobody could tell what was written."""
        self._stop.set()
        self._wake.set()

    async def run(self) -> None:
        """Writes until it is stopped; a database that fails is tried again after the pause."""
        while True:
            await self._wake.wait()
            if self._stop.is_set():
                return
            self._wake.clear()
            try:
                rows = await self._flush()
            except DatabaseError as error:
                self._wake.set()
                if not self._failing:
                    log.warning("%s cannot be written, trying again: %s", self._what, error)
                self._failing = True
                pause = self._longest
            else:
                self._failing = False
                pause = min(max(rows * self._a_row, SHORTEST_SECONDS), self._longest)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stop.wait()


class StateWriter:
    """The newest state of every row that changed, until it is written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._states: dict[tuple[type[State], int], State | None] = {}
        self._turn = asyncio.Lock()
        self.batcher = Batcher(self.flush, STATES_SECONDS, STATE_SECONDS, "states")
        self.written = 0
        """Rows, each time anew."""

    def put(self, kind: type[State], id: int, state: State | None) -> None:
        """Notes a state; None removes the row's."""
        self._states[kind, id] = state
        self.batcher.wake()

    async def flush(self) -> int:
        """Writes everything that is noted, and is being written; returns of how many rows.

        Raises DatabaseError, and then keeps it.
        """
        async with self._turn:
            return await self._flush()

    async def _flush(self) -> int:
        taken, self._states = self._states, {}
        try:
            removed: dict[type[State], list[int]] = {}
            for (kind, id), state in taken.items():
                if state is None:
                    removed.setdefault(kind, []).append(id)
            states = [state for state in taken.values() if state is not None]
            if states:
                await self._store.write_states(states)
                self.written += len(states)
            for kind, ids in removed.items():
                await self._store.remove_states(kind, ids)
        except DatabaseError:
            # What was noted in the meantime is newer.
            self._states = taken | self._states
            raise
        return len(taken)


class MetricsWriter:
    """Samples of links and flows, until they are written."""

    def __init__(self, store: Store, interval: float, keep: float, now: Callable[[], float]) -> None:
        """`interval` and `keep` in seconds; samples older than `keep` are removed from the database."""
        self._store = store
        self._links: deque[LinkMetric] = deque()
        self._flows: deque[FlowMetric] = deque()
        self._keep = keep
        self._now = now
        self._trimmed = now()
        self.lost = 0
        """Samples that were given up."""
        self.written = 0
        """Samples that are in the database, or were."""
        self.batcher = Batcher(self.flush, interval, METRIC_SECONDS, "metrics")

    @property
    def waiting(self) -> int:
        """Samples that are to be written."""
        return len(self._links) + len(self._flows)

    def put(self, links: Iterable[LinkMetric], flows: Iterable[FlowMetric]) -> None:
        """Notes samples; gives up the oldest when there are too many."""
        self._links.extend(links)
        self._flows.extend(flows)
        while self.waiting > MOST_METRICS:
            (self._links if len(self._links) >= len(self._flows) else self._flows).popleft()
            self.lost += 1
        self.batcher.wake()

    async def flush(self) -> int:
        """Writes everything that is noted; returns how many samples.

        Raises DatabaseError, and then keeps it.
        """
        before = self.written
        await self._write(self._links, self._store.write_link_metrics)
        await self._write(self._flows, self._store.write_flow_metrics)
        if self._now() - self._trimmed >= max(self._keep / 10, 1.0):
            self._trimmed = self._now()
            await self._store.trim_metrics(self._keep)
        return self.written - before

    def give_up(self) -> int:
        """The database is gone for good: counts what is left as lost; returns how many were lost in all."""
        self.lost += self.waiting
        self._links.clear()
        self._flows.clear()
        return self.lost

    async def _write(self, rows: deque[T], write: Callable[[list[T]], Awaitable[None]]) -> None:
        taken = list(rows)
        rows.clear()
        try:
            if taken:
                await write(taken)
                self.written += len(taken)
        except DatabaseError:
            rows.extendleft(reversed(taken))
            raise
