"""The controller: listens to the database and to dataplane processes, and keeps the one true to the other.

What it decides is decided elsewhere: `reconciler` who is told what, `routing` which paths are taken, `flows`
how a flow ended. This module passes messages between them and holds the tasks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nextmini.controller import reports
from nextmini.controller.attendance import Attendance
from nextmini.controller.changes import DesiredReader
from nextmini.controller.comebacks import Comebacks
from nextmini.controller.counters import Counters
from nextmini.controller.events import Executor
from nextmini.controller.fidelity import FidelityReports
from nextmini.controller.flow_desk import FlowDesk
from nextmini.controller.flows import FlowTracker
from nextmini.controller.hosting import NothingNeeded
from nextmini.controller.labels import label, waiting
from nextmini.controller.metrics_page import MetricsPage
from nextmini.controller.paths import Paths
from nextmini.controller.peer import Sent
from nextmini.controller.reconciler import Reconciler
from nextmini.controller.rounds import Rounds
from nextmini.controller.routing import RouteMaker
from nextmini.controller.seating import check_public
from nextmini.controller.server import DataplaneServer
from nextmini.controller.settings import Progress, Settings
from nextmini.controller.sources import Sources
from nextmini.controller.writer import MetricsWriter, StateWriter
from nextmini.errors import DatabaseError, NextminiError, ProtocolError, RunError
from nextmini.protocol import (
    VERSION,
    Applied,
    BrokenLink,
    Bye,
    Error,
    Fidelity,
    FlowState,
    LinkBroken,
    LinkState,
    Metrics,
    NodeFailed,
    NoRoutes,
    RoutesWanted,
    Stop,
    Welcome,
)
from nextmini.store import RESYNC, EventState, metrics_token
from nextmini.store import FlowState as StoredFlowState

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping

    from nextmini.algorithms.graph import Pair
    from nextmini.controller.events import Journal
    from nextmini.controller.hosting import Hosting
    from nextmini.controller.peer import Peer
    from nextmini.protocol import Hello, Join, Message, Seat
    from nextmini.scenario import Route
    from nextmini.store import Change, Store

log = logging.getLogger(__name__)

COME_BACK_SECONDS = 10.0
"""How long a strict run goes on without a process whose connection was lost."""
RETRY_SECONDS = 0.2
"""Between attempts to use a database that fails; its listener says when it is gone for good."""


class Controller:
    """One experiment's controller; `async with` starts it and ends it."""

    def __init__(self, store: Store, settings: Settings, hosting: Hosting | None = None) -> None:
        """`hosting` provides what nodes need on a machine."""
        self.url = ""
        """Where dataplane processes connect to, once started."""
        self.flows = FlowTracker()
        self.counters = Counters()
        self.fidelity = FidelityReports()
        self.paths = Paths(settings.interval)
        """What lies below links between sites."""
        self.lost_metrics = 0
        """Samples that could not be written, known at the end."""
        self._wake = asyncio.Event()
        self._due: asyncio.TimerHandle | None = None
        """When processes are to be told something though nothing changes."""
        self._store = store
        self._settings = settings
        self._hosting = hosting or NothingNeeded()
        self._reconciler = Reconciler(
            self._is_over,
            lambda id, why: self._desk.refuse(id, why),
            lambda marks: self.events.marked(marks),
            settings.devices,
            sites=settings.sites,
        )
        self._reconciler.names.keep = settings.keep_numbers
        self.view, actual = self._reconciler.view, self._reconciler.actual
        view = self.view
        self._desired = DesiredReader(store, view, self.flows)
        self._routes = RouteMaker(store, view, actual, settings.routing, self.flows)
        self._states = StateWriter(store)
        self._desk = FlowDesk(
            self.flows,
            self._reconciler,
            lambda state: self._states.put(StoredFlowState, state.flow, state),
            self._wake.set,
            restarts=settings.restarts,
        )
        self._metrics = MetricsWriter(store, settings.interval, settings.keep, time.monotonic)
        self._rounds = Rounds()
        sent = Sent()
        parts = (self._reconciler, self.flows, self.counters, self._states, self._metrics, self._rounds, sent)
        page = MetricsPage(Sources(settings, *parts).look, metrics_token(settings.token))
        self._server = DataplaneServer(settings.listen, settings.token, self, settings.tls, page, self, sent)
        now = asyncio.get_running_loop().time
        paths = self._routes.paths_of
        self._comebacks = Comebacks(self.flows, self._reconciler, self.counters, paths, now)
        self.events = Executor(store, view, actual, self.counters, self)
        """What the scenario says that happens, and what became of it."""
        self.events.keep = settings.keep_events
        self._greeting: set[int] = set()
        self._attendance = Attendance(settings.sites, actual, self._join_command, self._give_up_sites)
        self._dead: dict[int, str] = {}
        self._failed: dict[int, str] = {}
        self._loaded = asyncio.Event()
        self._in_force = asyncio.Event()
        self._back = asyncio.Event()
        """All processes have come back, and have answered to everything."""
        self._held = settings.holds_flows
        self._started = asyncio.Event()
        self._finished = asyncio.Event()
        self._released = self._stopping = False
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writing: list[asyncio.Task[None]] = []

    async def listen(self) -> str:
        """Opens the port; returns the URL. Raises ControllerError if that is not possible."""
        self.url = await self._server.start()
        if self._tasks:
            self._tell_where()
        return self.url

    def joins(self) -> dict[str, str]:
        """What to run at each site, once it listens."""
        return {site.name: self._join_command(site.name) for site in self._settings.sites}

    def _join_command(self, site: str) -> str:
        return self._settings.joins(self.url, site)

    def start(self) -> None:
        """Begins to read the database and to tell processes what is in it."""
        if self.url:
            self._tell_where()
        for work in (self._follow_changes(), self._keep_reconciling(), self._routes.keep_ready()):
            self._spawn(work)
        for batcher in (self._states.batcher, self._metrics.batcher):
            self._writing.append(self._spawn(batcher.run()))
        self._attendance.begin()

    def _tell_where(self) -> None:
        tls = self._settings.tls
        log.info("listening at %s%s", self.url, f", certificate {tls.fingerprint}" if tls else "")

    async def resume(self, aliases: int | None, journal: Journal | None) -> None:
        """Begins as `start` does, going on for a controller that was killed; before `listen`.

        What processes say when they come back is about rows that are known then. `aliases` is what
        `settings.keep_numbers` was told last, `journal` what `settings.keep_events` was: nothing, as long as
        no flows were handed out. Raises as `until_started`.
        """
        states = await self._store.states()
        self.flows.resume(states.flows)
        self.start()
        await self.until_loaded()
        processes = self.view.processes() | set(range(self._settings.processes))
        self._reconciler.resume(states, processes, aliases)
        if journal is not None:
            # Flows were handed out, and wait for nobody a second time.
            self._released = True
            self.events.resume(journal)
            self._reconciler.release_flows()
            self._comebacks.flows_released()
            self._spawn(self._resume_events())
        self._wake.set()

    async def _resume_events(self) -> None:
        """What is about to change is to be told to all, and was in force before."""
        await self._back.wait()
        await self.events.run()

    async def until_loaded(self) -> None:
        """Returns when the desired rows have been read once. Raises as `until_started`."""
        await self._until(self._loaded)

    async def until_in_force(self) -> None:
        """Returns when all nodes, links and routes are in force, and that is in the database.

        After `resume`, of a run whose flows had begun, those that are to work are enough. Raises as
        `until_started`.
        """
        await self._until(self._in_force)
        self._publish_rows()
        await self._store.patiently(self._states.flush)

    async def let_flows_go(self) -> None:
        """Hands out the flows that were held, when all that is in the database now is in force.

        Raises as `until_started`.
        """
        await self.until_confirmed({RESYNC})
        self._held = False
        self._wake.set()

    async def until_started(self) -> None:
        """Returns when all nodes, links and routes are in force and the flows are handed out.

        Raises RunError if one is refused, DatabaseError if the database is gone.
        """
        await self._until(self._started)

    async def until_finished(self) -> None:
        """Returns when every flow that ends by itself has ended. Raises as `until_started`."""
        await self._until(self._finished)

    async def until_failed(self) -> None:
        """Never returns. Raises as `until_started`."""
        await asyncio.shield(self._failure)

    def progress(self) -> Progress:
        """Where things stand now."""
        return Progress(
            connected=len(self._reconciler.peers),
            waiting=len(self._reconciler.actual.waiting),
            flows=len(self.flows.flows),
            ended=self.flows.ended,
            failed=self.flows.failed,
            delivered=self.flows.delivered,
        )

    def describe_waiting(self, most: int = 3) -> str:
        """The first few rows that are not in force yet, for an error message."""
        return waiting(self._reconciler.actual, self.view, most)

    def process_died(self, process: int, reason: str) -> None:
        """A dataplane process is gone for good: the flows that touch its nodes have failed."""
        peer = self._reconciler.peers.get(process)
        if peer is not None:
            peer.gone.set()
            self.lost(peer, reason)
        self._dead[process] = reason
        self._fail_dead()

    def process_restarts(self, process: int, reason: str) -> None:
        """A dataplane process is gone, and another one will take its place.

        Flows that need what it knew begin again then.
        """
        peer = self._reconciler.peers.get(process)
        if peer is not None:
            peer.gone.set()
            self.lost(peer, reason)
        self._desk.begin_again(self._comebacks.died(process), reason)

    async def stop_processes(self) -> None:
        """Tells every process to stop, and returns when each has said goodbye or is gone."""
        self._stopping = True
        self.events.stop()
        peers = list(self._reconciler.peers.values())
        async with asyncio.TaskGroup() as group:
            for peer in peers:
                group.create_task(peer.send(Stop()))
        for peer in peers:
            await peer.gone.wait()

    def end_flows(self, reason: str) -> None:
        """Whatever has not ended is `stopped`, for this reason; so is what processes stopped without one."""
        for id in self.flows.stop_all(reason):
            self._desk.publish(id)

    async def close(self) -> None:
        """Closes the port and every connection and writes what is left. Closing twice does nothing."""
        self._stopping = True
        self._attendance.end()
        await self._server.stop()
        self.events.stop()
        self.events.publish()
        for batcher in (self._states.batcher, self._metrics.batcher):
            batcher.stop()
        await asyncio.gather(*self._writing, return_exceptions=True)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._due is not None:
            self._due.cancel()
        if not self._failure.done():
            self._failure.cancel()
        try:
            await self._store.patiently(self._states.flush)
            await self._store.patiently(self._metrics.flush)
        except DatabaseError as error:
            log.warning("the last states and metrics are lost: %s", error)
        self.lost_metrics = self._metrics.give_up()

    # What the server tells (nextmini.controller.server.Handler).

    def seat(self, join: Join) -> Seat:
        """Which process of its site one is. Raises ProtocolError if nobody is missing there."""
        self._refuse_if_stopping()
        return self._attendance.seat(join, self._reconciler.peers.keys() | self._greeting)

    def unseat(self, seat: Seat) -> None:
        """Whoever was to be this process is, or does not come."""
        self._attendance.unseat(seat)

    def _refuse_if_stopping(self) -> None:
        if self._stopping:
            raise ProtocolError(f"experiment {self._settings.experiment!r} is stopping")

    def welcome(self, hello: Hello) -> Welcome:
        """Decides whether a process may take part. Raises ProtocolError if not."""
        process, peers = hello.process, self._reconciler.peers
        self._refuse_if_stopping()
        check_public(hello.public)
        if process >= self._settings.processes and process not in self.view.processes():
            raise ProtocolError(
                f"experiment {self._settings.experiment!r} has no dataplane process {process}",
                f"use --process 0 to {self._settings.processes - 1}",
            )
        if process in self._greeting or (
            process in peers and peers[process].identity != (hello.pid, hello.instance)
        ):
            raise ProtocolError(f"dataplane process {process} is connected already")
        self._greeting.add(process)
        return Welcome(
            version=VERSION,
            experiment=self._settings.experiment,
            key=self._settings.key,
            seed=self._settings.seed,
            interval_ms=max(1, round(self._settings.interval * 1000)),
            timing=self._settings.timing,
            ttl=self._settings.ttl,
            watch_us=self._settings.watch_us,
            pipe=self._settings.pipe,
        )

    def connected(self, peer: Peer) -> None:
        """A process takes part from now on."""
        self._greeting.discard(peer.process)
        before = self._reconciler.peers.get(peer.process)
        if before is not None:  # it came back before its old connection was found dead
            self.lost(before, "it connected again")
            self._spawn(before.refuse("this process has connected again"))
        log.info("dataplane process %d (pid %d) connected", peer.process, peer.pid)
        if self._attendance.came(peer.process):
            self._dead.pop(peer.process, None)
        self._desk.begin_again(
            self._comebacks.connected(peer),
            f"dataplane process {peer.process} is another one (pid {peer.pid})",
        )
        self._reconciler.connected(peer)
        self._wake.set()

    def lost(self, peer: Peer, reason: str) -> None:
        """A process's connection is gone; it may come back."""
        if not self._reconciler.disconnected(peer):
            return
        if self._stopping:
            # The states stay as they were at the end: they are part of the results.
            log.info("dataplane process %d has left", peer.process)
            return
        text = f"dataplane process {peer.process}: {reason}"
        log.warning("lost %s", text)
        self._reconciler.lost(peer.process, text)
        self._publish_rows()
        self._wake.set()
        if self._settings.strict:
            asyncio.get_running_loop().call_later(COME_BACK_SECONDS, self._give_up, peer.process, text)

    def received(self, peer: Peer, message: Message) -> None:
        """A process says something. Raises ProtocolError if only the controller may say it."""
        match message:
            case Applied():
                for id, reason in self._reconciler.applied(peer, message):
                    self._desk.rejected(id, reason)
                self._publish_rows()
            case RoutesWanted():
                self._routes.want(message.pairs)
                self._wake.set()
            case LinkState():
                self._links_changed(peer, message)
            case FlowState():
                self._desk.changed(message.changes)
            case Metrics():
                self._measured(message)
            case Fidelity():
                self.fidelity.take(peer.process, message)
            case NodeFailed():
                self._node_failed(message)
            case Bye():
                peer.said_bye = True
                peer.gone.set()
            case Error():
                self._complained(peer, message)
            case _:
                raise ProtocolError(f"{type(message).__name__} is not for the controller")

    def _links_changed(self, peer: Peer, message: LinkState) -> None:
        actual = self._reconciler.actual
        links = self.view.links
        changed = [c.link for c in message.changes if actual.link_changed(c, peer.process)]
        broken = tuple(BrokenLink(id, links[id].a, links[id].b) for id in changed if id in links)
        if broken:
            for other in self._reconciler.peers.values():
                self._spawn(other.send(LinkBroken(broken)))
        self._publish_rows()
        self._wake.set()

    def _measured(self, message: Metrics) -> None:
        now = datetime.now(UTC)
        message = self.counters.continued(self._reconciler.in_rows(message))
        self.paths.take(message.links, now.timestamp())
        flows = self.counters.take(message)
        self._desk.counted(message.flows)
        for flow in flows:
            self.flows.acknowledge(flow.flow, flow.acknowledged)
        run = self._settings.run
        links = reports.link_metrics(run, now, message, self.paths.known)
        self._metrics.put(links, reports.flow_metrics(run, now, flows))

    def _node_failed(self, message: NodeFailed) -> None:
        row = ("node", message.node)
        reason = f"{label(row, self.view)} failed: {message.reason}"
        log.error("%s", reason)
        self._reconciler.actual.node_failed(message.node, message.reason)
        self._publish_rows()
        self._failed[message.node] = reason
        self._fail_dead()

    def _give_up(self, process: int, text: str) -> None:
        """A process that was lost has had its time to come back: one that hangs never dies."""
        if self._stopping or process in self._reconciler.peers or process in self._dead:
            return
        reason = f"{text}; it did not come back within {COME_BACK_SECONDS:g} seconds"
        self.process_died(process, reason)
        self._fail(RunError(reason))

    def _complained(self, peer: Peer, message: Error) -> None:
        """An `error` answers something that the process could not use, so it will not confirm it either."""
        reason = f"dataplane process {peer.process} reports an error: {message.reason}"
        log.error("%s", reason)
        if self._settings.strict:
            self._fail(RunError(reason))
        self._spawn(peer.refuse("closed because of the error that you sent"))

    def _give_up_sites(self, processes: Iterable[int], reason: str) -> None:
        """Processes of a site did not come in time: what needs them fails."""
        self._dead.update(dict.fromkeys(processes, reason))
        self._fail_dead()
        self._publish_rows()
        self._wake.set()

    # What the database tells.

    async def _follow_changes(self) -> None:
        async for changes in self._store.changes():
            self._desired.announce(changes)
            self.events.changed(changes)
            self._wake.set()

    async def _keep_reconciling(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._rounds.begin()
            complete = True
            try:
                await self._read_desired()
                await self._make_routes()
            except DatabaseError as error:
                log.warning("trying again: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                self._wake.set()
                complete = False
            await self._reconciler.reconcile()
            self._reconciler.stop_holding_if_whole()
            if not self._reconciler.idle:
                self._wake.set()
            self._wake_when_due()
            self._publish_rows()
            self._advance()
            self._rounds.end(complete=complete)

    def _wake_when_due(self) -> None:
        if self._due is not None:
            self._due.cancel()
        seconds, loop = self._reconciler.seconds_until_due(), asyncio.get_running_loop()
        self._due = None if seconds is None else loop.call_later(seconds, self._wake.set)

    async def _read_desired(self) -> None:
        news = await self._desired.read()
        if news.topology or news.dirty.flows:
            self._routes.changed(topology=news.topology)
        if news.dirty.nodes:
            self._reconciler.unhosted = await self._hosting.follow(self.view.nodes.values())
        self._reconciler.mark(news.dirty)
        for id in news.ended_flows:
            self._desk.publish(id)
        self._desk.pins_may_have_changed((news.dirty.flows & self.view.pins.keys()) | news.unpinned)

    async def _make_routes(self) -> None:
        moved = await self._routes.heal()
        self._take_routes(moved)
        self._fail_dead()
        made, unreachable = await self._routes.make()
        self._desired.own_routes |= {route.id for route in made}
        self._take_routes(made)
        for pair in unreachable:
            self._desk.unreachable(*pair)
        self._tell_unreachable(unreachable)

    def _take_routes(self, routes: Iterable[Route]) -> None:
        rows: Mapping[int, Route | None] = {route.id: route for route in routes}
        if rows:
            self._reconciler.mark(self.view.replace({}, {}, rows, {}))

    def _tell_unreachable(self, pairs: Iterable[Pair]) -> None:
        """Whoever has packets for these pairs is to refuse them."""
        nodes, peers = self.view.nodes, self._reconciler.peers
        by_process: dict[int, list[Pair]] = {}
        for pair in pairs:
            if pair[0] in nodes and nodes[pair[0]].process in peers:
                by_process.setdefault(nodes[pair[0]].process, []).append(pair)
        for process, told in by_process.items():
            self._spawn(peers[process].send(NoRoutes(tuple(told))))

    # What events need (nextmini.controller.events.executor.Host).

    async def until_confirmed(self, changes: Iterable[Change]) -> None:
        """Returns when processes have answered to everything that was in the database when it was called."""
        self._desired.announce(changes)
        self._wake.set()
        await self._rounds.next()

    def node_crashed(self, node: int) -> None:
        """The node has lost everything: flows that cannot go on without that have failed."""
        for id in self.flows.lost_with(node):
            self._desk.refuse(id, f"node {self.view.name(node)} crashed")

    def put_event_state(self, state: EventState) -> None:
        """What became of an event."""
        self._states.put(EventState, state.event, state)

    def forget_event(self, id: int) -> None:
        """An event is no more."""
        self._states.put(EventState, id, None)

    # What follows from it.

    def _advance(self) -> None:
        """Takes the next step of the experiment's life when its time has come."""
        if not self._desired.loaded:
            return
        self._loaded.set()
        if not self._released:
            refused = self._reconciler.actual.refused
            if refused and self._settings.strict:
                row = min(refused)
                self._fail(RunError(f"{label(row, self.view)} cannot be set up: {refused[row]}"))
            elif self._reconciler.settled:
                self._in_force.set()
                if self._held:
                    return
                self._released = True
                self.events.release(asyncio.get_running_loop().time())
                self._reconciler.release_flows()
                self._comebacks.flows_released()
                self._spawn(self.events.run())
                self._wake.set()
            return
        if not self._back.is_set() and self._reconciler.answered:
            self._back.set()
        if not self._in_force.is_set() and self._reconciler.restored:
            self._in_force.set()
        if self._reconciler.idle and not self._started.is_set():
            log.info("the network is ready and the flows are handed out")
            self._started.set()
        if self._started.is_set() and not self.flows.unfinished:
            self._finished.set()
        else:
            self._finished.clear()

    def _is_over(self, flow: int) -> bool:
        return self.flows.flows[flow].verdict is not None

    def _fail_dead(self) -> None:
        """Fails what touches failed nodes and dead processes, rows that were only read later too."""
        for node, reason in self._failed.items():
            if ("node", node) in self._reconciler.actual.refused:
                self._fail_nodes(frozenset({node}), reason)
        for process, reason in self._dead.items():
            self._fail_nodes(self.view.nodes_of_process(process), reason)

    def _fail_nodes(self, nodes: frozenset[int], reason: str) -> None:
        for id in self.flows.touching(nodes, self._routes.paths_of):
            self._desk.refuse(id, reason)

    def _publish_rows(self) -> None:
        changed = self._reconciler.actual.take_changed()
        if self._routes.saw(changed):
            self._wake.set()
        for row, state in changed.items():
            kind, id = row
            node = self.view.nodes.get(id) if kind == "node" else None
            process = node.process if node else 0
            if kind == "route":
                self._desk.pins_may_have_changed(self.view.pinned_to(id))
            stored = None if state is None else reports.row_state(row, state, process)
            self._states.put(reports.STATE_TYPES[kind], id, stored)
        self._desk.look_at_pins()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._failure.done():
            if not isinstance(error, NextminiError):
                log.error("the controller failed", exc_info=error)
            self._failure.set_exception(error)

    async def _until(self, event: asyncio.Event) -> None:
        waiter = asyncio.create_task(event.wait())
        try:
            both: set[asyncio.Future[Any]] = {waiter, self._failure}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if self._failure.done():
                self._failure.result()
        finally:
            waiter.cancel()
