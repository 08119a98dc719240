"""The life of an algorithm: what has happened, the hooks for it, what they have decided, and again.

A wake-up takes in everything that was announced since the last one, as it is at one moment, and calls the
hooks for all of it; what they decided together is one transaction.
"""

from __future__ import annotations

import asyncio
import time
import tomllib
from functools import partial
from typing import TYPE_CHECKING, Any

from nextmini.algorithms.network import Network
from nextmini.errors import AlgorithmError, DatabaseError
from nextmini.runner.counting import Counting
from nextmini.runner.hook_thread import Hook, HookThread
from nextmini.runner.mirror import Mirror
from nextmini.scenario.units import parse_time
from nextmini.store import RESYNC
from nextmini.store.patience import AWAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from nextmini.algorithms.api import Algorithm
    from nextmini.runner.assignment import Assignment
    from nextmini.runner.mirror import Happened
    from nextmini.store import Change
    from nextmini.store.algorithms import AlgorithmStore
    from nextmini.store.rows import RunningRun

OF_INTEREST = frozenset(
    {
        *("nodes", "links", "routes", "flows", "flow_routes", "runs", "link_metrics", "flow_metrics"),
        *("node_state", "link_state", "route_state", "flow_state", "*"),
    }
)


class Worker:
    """One algorithm on one run; `tell` says something to whoever started it."""

    def __init__(
        self,
        store: AlgorithmStore,
        assignment: Assignment,
        algorithm: Algorithm,
        tell: Callable[..., None],
    ) -> None:
        self._store = store
        self._algorithm = algorithm
        self._tell = tell
        self._origin = f"algorithm:{assignment.name}"
        self._experiment = assignment.experiment
        self._hooks = HookThread(assignment.timeout)
        self._stop = asyncio.Event()
        self._counting = Counting(
            lambda decisions, ms: tell(decisions=decisions, ms=ms),
            partial(store.count_decisions, assignment.name),
        )

    def stop(self) -> None:
        """Makes `run` return after the hooks that are running."""
        self._stop.set()

    async def run(self) -> str:
        """Works until the run is over, or it is stopped; returns why that is.

        Raises HookFailedError, AlgorithmError if the experiment is not running, RefusedError or ScenarioError
        for a decision that cannot be, DatabaseError if the database is away for too long.
        """
        patiently = partial(self._store.patiently, seconds=AWAY_SECONDS)
        run = await patiently(self._store.current_run)
        if run is None:
            remedy = "start it, or name another one with --experiment"
            raise AlgorithmError(f"experiment {self._experiment!r} is not running", remedy)
        self._begin(run)
        links, flows, self._marks = await patiently(partial(self._store.totals, run.id))
        self._mirror.begin(links, flows)
        changes = self._store.changes("desired", "state", "metrics")
        try:
            return await self._follow(changes, run)
        except StopAsyncIteration:
            return "the database was closed"
        finally:
            changes.close()
            await self._finish_counting()

    def _begin(self, run: RunningRun) -> None:
        self._run = run
        self._clock = run.now - run.started - time.monotonic()
        self._network = Network(_interval(run.scenario), self._origin)
        self._mirror = Mirror(self._network, run.started)

    @property
    def _now(self) -> float:
        """Seconds since the run began, by the database's clock."""
        return time.monotonic() + self._clock

    async def _follow(self, changes: Any, run: RunningRun) -> str:
        """Takes in one set of changes after the other."""
        stopped = asyncio.create_task(self._stop.wait())
        waiting = asyncio.create_task(anext(changes))
        ring = _Ring(lambda: self._algorithm.timer)
        started = False
        try:
            while True:
                await asyncio.wait((stopped, waiting), timeout=ring.left, return_when=asyncio.FIRST_COMPLETED)
                if stopped.done():
                    return "it was stopped"
                announced: Collection[Change] = ()
                if waiting.done():
                    announced, waiting = waiting.result(), asyncio.create_task(anext(changes))
                rings = started and ring.is_due()
                over = await self._wake(announced, first=not started, rings=rings)
                if over is not None:
                    return over
                if not started:
                    started = True
                    ring.begin()
                    self._tell(started=True)
        finally:
            for task in (stopped, waiting):
                task.cancel()
            await asyncio.gather(stopped, waiting, return_exceptions=True)

    async def _wake(self, announced: Collection[Change], *, first: bool, rings: bool) -> str | None:
        """Returns why the run is over, if it is."""
        woken = self._now
        happened = None
        relevant = [change for change in announced if change.table in OF_INTEREST]
        if relevant:
            if RESYNC in relevant:
                self._store.resynced()
            read = partial(self._store.news, relevant, self._marks, self._run.id)
            news = await self._store.patiently(read, AWAY_SECONDS)
            if news.newest_run not in (None, (self._run.id, "running")):
                return "the experiment has ended"
            self._marks = news.marks
            happened = self._mirror.take(news)
        self._network.time = self._now
        hooks = [self._hook("on_start")] if first else self._hooks_for(happened)
        if rings:
            hooks.append(self._hook("on_timer"))
        if hooks:
            await self._hooks.call(hooks)
            await self._commit(_newest(happened, woken))
        return None

    def _hooks_for(self, happened: Happened | None) -> list[Hook]:
        if happened is None:
            return []
        hooks = []
        if happened.change:
            hooks.append(self._hook("on_topology_change", happened.change))
        hooks += [self._hook("on_flow_started", flow) for flow in happened.started]
        hooks += [self._hook("on_flow_finished", flow) for flow in happened.finished]
        if happened.link_samples:
            hooks.append(self._hook("on_link_metrics", tuple(happened.link_samples)))
        if happened.flow_samples:
            hooks.append(self._hook("on_flow_metrics", tuple(happened.flow_samples)))
        return hooks

    def _hook(self, name: str, *arguments: object) -> Hook:
        return Hook(name, partial(getattr(self._algorithm, name), self._network, *arguments))

    async def _commit(self, since: float) -> None:
        """Writes what was decided about something of the time `since`."""
        decision = self._network.take()
        if not decision:
            return
        self._network.committed(*await self._store.decide(decision, self._origin))
        self._counting.decided(max(0.0, (self._now - since) * 1000))

    async def _finish_counting(self) -> None:
        try:
            await self._counting.finish()
        except DatabaseError as error:
            print(f"decisions are not counted in the database: {error}")  # noqa: T201 - the log


class _Ring:
    """When on_timer is due next. A hook that is late does not make up for it."""

    def __init__(self, period: Callable[[], float | None]) -> None:
        self._period = period
        self._due: float | None = None

    def begin(self) -> None:
        period = self._period()
        self._due = None if period is None else time.monotonic() + period

    @property
    def left(self) -> float | None:
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def is_due(self) -> bool:
        if self._due is None or time.monotonic() < self._due:
            return False
        period = self._period()
        self._due = None if period is None else max(self._due + period, time.monotonic())
        return True


def _newest(happened: Happened | None, woken: float) -> float:
    """The time of the newest sample, or that of the wake-up."""
    if happened is None:
        return woken
    times = [sample.time for sample in happened.link_samples]
    times += [sample.time for sample in happened.flow_samples]
    return max(times, default=woken)


def _interval(scenario: str) -> float:
    """That between two samples, in s, of a resolved scenario."""
    return parse_time(tomllib.loads(scenario)["experiment"]["interval"])
