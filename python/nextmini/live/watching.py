"""Where an experiment stands, again and again, until it is over.

What the database announces is listened to, and only what has changed is read again. It announces too that an
experiment is over; of one that was killed its lock tells.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from nextmini.live.session import session
from nextmini.live.status import LATELY, flow_entries, heading, network_entries, path_entries, site_entries
from nextmini.store import RESYNC, Actual, Desired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from nextmini.store import AlgorithmState, Change, LinkMetric, Registration, StateFolder
    from nextmini.store.live import LiveStore, RecentFlow

    Show = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Stale:
    """What has to be read again after changes."""

    desired: frozenset[Change]
    states: bool
    rates: bool
    run: bool


def stale(changes: Iterable[Change]) -> Stale:
    """What changes of any topic make stale."""
    known = frozenset(changes)
    tables = {change.table for change in known}
    everything = RESYNC in known
    states = {table for table in tables if table.endswith("_state")}
    return Stale(
        desired=frozenset(change for change in known if change.table not in states),
        states=everything or bool(states),
        rates=everything or "flow_metrics" in tables,
        run=everything or "runs" in tables,
    )


async def follow(
    state: StateFolder, found: Registration, interval: float, show: Show, enough: asyncio.Event
) -> None:
    """Shows a document as `status` returns every `interval` seconds, until it is over or `enough` is set.

    The last one has the run's status, if it has ended in order. Raises DatabaseError.
    """
    current: Registration | None = found
    while current is not None and not current.ready:
        show(heading(current))
        # Nobody announces that: what an experiment says of itself is a file.
        if await _set_within(enough, interval):
            return
        current = _still(state, found)
    if current is not None:
        async with session(state, current) as store:
            await _Follower(store, state, current).run(interval, show, enough)


def _still(state: StateFolder, found: Registration) -> Registration | None:
    """What the same run says of itself now; None if it is over."""
    return next((one for one in state.running() if (one.name, one.run) == (found.name, found.run)), None)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


@dataclass(slots=True)
class _Follower:
    """What was read of an experiment, and what has been announced since."""

    store: LiveStore
    state: StateFolder
    found: Registration
    news: set[Change] = field(default_factory=lambda: {RESYNC})
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    desired: Desired = field(default_factory=Desired)
    actual: Actual = field(default_factory=Actual)
    algorithms: Sequence[AlgorithmState] = ()
    recent: Mapping[int, RecentFlow] = field(default_factory=dict)
    paths: Sequence[LinkMetric] = ()
    status: str = "running"

    async def run(self, interval: float, show: Show, enough: asyncio.Event) -> None:
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._stop(enough))]
        try:
            while True:
                # Asked before it is looked at: one that has ended in order has said so by then.
                over = _still(self.state, self.found) is None
                await self.store.patiently(self._look)
                show(self._document())
                if over or self.status != "running" or enough.is_set():
                    return
                await _set_within(self.wake, interval)
                self.wake.clear()
                if tasks[0].done():
                    return tasks[0].result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        async for changes in self.store.changes("desired", "state", "metrics"):
            self.news |= changes
            if any(change.table == "runs" for change in changes):
                self.wake.set()

    async def _stop(self, enough: asyncio.Event) -> None:
        await enough.wait()
        self.wake.set()

    async def _look(self) -> None:
        """Reads again what has changed."""
        changes = frozenset(self.news)
        found = stale(changes)
        self.desired = await self.store.refresh(self.desired, found.desired)
        if found.states:
            self.actual = await self.store.states()
            self.algorithms = await self.store.algorithm_states()
        if found.rates or self.recent:  # which become smaller when nothing more is measured
            self.recent = await self.store.recent_flows(self.found.run, LATELY)
            self.paths = await self.store.paths(self.found.run) if self.found.sites else ()
        if found.run:
            self.status = await self.store.run_status(self.found.run) or "running"
        self.news -= changes

    def _document(self) -> dict[str, Any]:
        return {
            **heading(self.found, self.status),
            **network_entries(self.desired, self.actual),
            "sites": site_entries(self.found.sites, self.desired, self.actual),
            "paths": path_entries(self.paths, self.desired),
            "flows": flow_entries(self.desired, self.actual, self.recent),
            "algorithms": [asdict(state) for state in self.algorithms],
        }
