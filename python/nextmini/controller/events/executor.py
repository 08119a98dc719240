"""Does what the scenario's events say, when their time has come.

One step after the other: a step is over when every process has confirmed what it changed. So each phase of a
link that goes down and up quickly takes effect, and packets are counted for the phase in which they came.
Steps of the same moment are one change, as far as they are about different rows.

Rows may come, change and go while a run lasts. One whose time has passed happens at once; one that goes is
undone, if there is something to undo; one that has begun does not change.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from nextmini.controller.events.changer import Changer, Work
from nextmini.controller.events.happening import happening
from nextmini.controller.events.journal import Journal, not_kept
from nextmini.controller.events.orders import Orders, orders
from nextmini.controller.events.outcome import Record
from nextmini.controller.events.tally import causes
from nextmini.controller.events.timeline import Timeline
from nextmini.controller.events.wording import described
from nextmini.errors import DatabaseError, NextminiError, RunError
from nextmini.store import Change, Desired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nextmini.controller.actual import Actual
    from nextmini.controller.counters import Counters
    from nextmini.controller.events.orders import Row
    from nextmini.controller.events.outcome import Outcome
    from nextmini.controller.events.tally import Direction
    from nextmini.controller.events.timeline import Step
    from nextmini.controller.view import NetworkView
    from nextmini.protocol import LinkMark
    from nextmini.scenario.network import Event
    from nextmini.store import EventState, Store

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.2
EVENTS = Change("events", "resync", None)


class Host(Protocol):
    """The controller, as events need it."""

    async def until_confirmed(self, changes: Iterable[Change]) -> None:
        """Returns when processes have answered to everything that was in the database when it was called."""

    def node_crashed(self, node: int) -> None:
        """The node has lost everything."""

    def put_event_state(self, state: EventState) -> None:
        """What became of an event."""

    def forget_event(self, id: int) -> None:
        """An event is no more."""


class Executor:
    """All events of a run."""

    def __init__(
        self, store: Store, view: NetworkView, actual: Actual, counters: Counters, host: Host
    ) -> None:
        self._store = store
        self._view = view
        self._actual = actual
        self._counters = counters
        self._host = host
        self.keep: Callable[[Journal], None] = not_kept
        """Keeps the journal for a controller that may have to go on for this one."""
        self._journal = Journal()
        self._records = self._journal.records
        self._layers = self._journal.layers
        self._changer = Changer(store, view, self._layers)
        self._tally = self._journal.tally
        self._marked: set[Direction] = set()
        """Directions that processes have said to be changed, since the last step began."""
        self._timeline = Timeline()
        self._unread: set[Change] = {EVENTS}
        self._news = asyncio.Event()
        self._task: asyncio.Task[Any] | None = None

    def release(self, zero: float) -> None:
        """Flows are about to be released, at `zero` by the event loop's clock."""
        self._journal.zero = zero
        self.keep(self._journal)

    def resume(self, journal: Journal) -> None:
        """Goes on for a controller that was killed, in the place of `release`."""
        self._journal = journal
        self._records, self._layers, self._tally = journal.records, journal.layers, journal.tally
        self._changer = Changer(self._store, self._view, self._layers)
        for record in self._records.values():
            if record.event is not None and record.status in ("pending", "applied"):
                self._timeline.add(record.event, journal.done[record.id])

    async def run(self) -> None:
        """Does everything there is, and what comes, until stopped."""
        self._task = asyncio.current_task()
        while True:
            await self._read()
            step = self._timeline.peek()
            if not await self._news_before(None if step is None else step.at) and step is not None:
                await self._perform(self._due(max(self._now(), step.at)))

    def changed(self, changes: Iterable[Change]) -> None:
        """Some of these may be about events."""
        found = {change for change in changes if change.table in ("events", "*")}
        if found:
            self._unread |= {replace(change, table="events") for change in found}
            self._news.set()

    def stop(self) -> None:
        """What has not been done by now will not be."""
        if self._task is not None:
            self._task.cancel()

    def marked(self, marks: Sequence[LinkMark]) -> None:
        """Directions of links changed when so many packets had entered."""
        if not self._records:
            return
        for mark in marks:
            direction = (mark.link, mark.node)
            self._marked.add(direction)
            self._tally.mark(direction, mark.entered, causes(self._layers, self._view, direction))

    def publish(self) -> None:
        """Says how many packets each event has touched by now."""
        touched = self._tally.touched(self._counters.links)
        for record in self._records.values():
            self._host.put_event_state(record.state(touched.get(record.id, 0)))

    def outcomes(self) -> dict[int, Outcome]:
        """What became of each event."""
        touched = self._tally.touched(self._counters.links)
        return {id: record.outcome(touched.get(id, 0)) for id, record in self._records.items()}

    async def _news_before(self, at: float | None) -> bool:
        """Waits for rows that change, until `at`; returns whether some did."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(None if at is None else self._journal.zero + at):
                await self._news.wait()
        return self._news.is_set()

    async def _read(self) -> None:
        """Takes over rows that changed."""
        while self._unread:
            taken, self._unread = self._unread, set()
            self._news.clear()
            try:
                found = (await self._store.refresh(Desired(), taken)).events
            except DatabaseError:
                self._unread |= taken
                await asyncio.sleep(RETRY_SECONDS)
                continue
            named = [change.ids for change in taken]
            ids = set(found).union(*(self._records.keys() if some is None else some for some in named))
            for id in sorted(ids):
                self._take(id, found.get(id))

    def _take(self, id: int, event: Event | None) -> None:
        """Takes over one row; None if it is gone."""
        known = self._records.get(id)
        if event is None:
            self._drop(known)
        elif known is None or (not known.begun and event != known.row):
            self._learn(event)
        elif event != known.row:
            known.reason = "it had begun when its row changed: what it does is what the row said then"
            log.warning("%s: %s", known.what, known.reason)
            self._publish(id)

    def _drop(self, known: Record | None) -> None:
        if known is None:
            return
        if not known.begun:
            del self._records[known.id]
            self._timeline.remove(known.id)
            self._host.forget_event(known.id)
        elif known.status in ("pending", "applied") and known.event is not None and not known.event.lasting:
            self._timeline.end(known.id, self._now())

    def _learn(self, event: Event) -> None:
        names = {trace.id: trace.name for trace in self._view.traces.values()}
        try:
            known = happening(event)
        except RunError as error:
            record = Record(event.id, event.at, f"event {event.id}", None, event)
            self._records[event.id] = record
            self._timeline.remove(event.id)
            self._fail(record, str(error))
        else:
            self._records[event.id] = Record(event.id, event.at, described(known, names), known, event)
            self._timeline.add(known)
            self._publish(event.id)

    def _due(self, now: float) -> list[Work]:
        """The next steps that are due and can be done at once: no event and no row twice."""
        found: list[Work] = []
        rows: set[Row] = set()
        timeline = self._timeline
        while (step := timeline.peek()) is not None and step.at <= now:
            if any(work.event.id == step.event for work in found):
                break
            work = self._work(step)
            if work is not None:
                if rows & work.rows:
                    break
                rows |= work.rows
                found.append(work)
            timeline.pop()
        return found

    def _work(self, step: Step) -> Work | None:
        """What a step is to change; None if its event has failed."""
        record = self._records[step.event]
        if record.event is None or record.status == "failed":
            return None
        record.begun = True
        if not step.does:
            rows: set[Row] = {(kind, id) for kind, id, *_ in self._layers.spots(step.event)}
            return Work(step, record.event, record, Orders(), rows)
        try:
            asked = orders(record.event, self._view)
        except RunError as error:
            self._fail(record, str(error))
            return None
        begun = self._journal.begun.get(step.event)
        before = self._changer.look(asked) | (begun or {})
        return Work(step, record.event, record, asked, asked.rows, before, again=begun is not None)

    async def _perform(self, works: list[Work]) -> None:
        self._marked.clear()
        self._journal.begun |= {work.event.id: work.before for work in works if work.step.does}
        self.keep(self._journal)
        done = await self._write(works)
        changed = set().union(*(work.orders.rows for work in done))
        if changed:
            await self._confirmed(changed)
        self._attribute(set().union(*(work.rows for work in done)))
        now = self._now()
        for work in done:
            self._conclude(work, now)
        for work in works:
            self._journal.done[work.event.id] += 1
            self._journal.begun.pop(work.event.id, None)
        self.keep(self._journal)

    async def _write(self, works: list[Work]) -> list[Work]:
        """Writes what changes; returns the steps of which that was possible."""
        try:
            await self._changer.write(works)
        except NextminiError as error:
            if len(works) == 1:
                self._fail(works[0].record, str(error))
                return []
            # One of them is to blame, and the others are not to suffer for it.
            return [done for work in works for done in await self._write([work])]
        return works

    async def _confirmed(self, rows: set[Row]) -> None:
        ids = {kind: frozenset(id for of, id in rows if of == kind) for kind in ("link", "node")}
        await self._host.until_confirmed(
            Change(f"{kind}s", "update", found) for kind, found in ids.items() if found
        )
        while any(self._actual.unanswered(row) for row in rows):
            # A process was away. It is told everything when it is back.
            await self._host.until_confirmed(())

    def _attribute(self, rows: set[Row]) -> None:
        """From here on it is other events whose doing it is how these rows' links are."""
        nodes = {id for kind, id in rows if kind == "node"}
        links = {id for kind, id in rows if kind == "link"}
        for id, link in self._view.links.items() if nodes else ():
            if link.a in nodes or link.b in nodes:
                links.add(id)
        for id in links & self._view.links.keys():
            for sender in (self._view.links[id].a, self._view.links[id].b):
                direction = (id, sender)
                events = causes(self._layers, self._view, direction)
                if direction in self._marked:
                    self._tally.attribute(direction, events)
                else:  # it was so already, so nobody looked when that was confirmed
                    newest = self._counters.links.get(direction)
                    self._tally.mark(direction, newest.entered if newest else 0, events)

    def _conclude(self, work: Work, now: float) -> None:
        refused = [self._actual.refused[row] for row in work.orders.rows if row in self._actual.refused]
        if refused:
            self._fail(work.record, refused[0])
            return
        work.record.confirmed(work.step, now)
        if work.event.kind == "crash" and work.step.does:
            for id in work.orders.nodes:
                self._host.node_crashed(id)
        log.info("%s: %s", work.record.what, "in force" if work.step.does else "undone")
        self._publish(work.record.id)

    def _fail(self, record: Record, reason: str) -> None:
        log.error("%s failed: %s", record.what, reason)
        record.fail(reason)
        self._publish(record.id)

    def _publish(self, id: int) -> None:
        touched = self._tally.touched(self._counters.links)
        self._host.put_event_state(self._records[id].state(touched.get(id, 0)))

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._journal.zero
