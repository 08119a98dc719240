"""Brings the dataplane processes in line with what is desired.

It holds the desired rows, what each process was told and what each confirmed. Changes make rows dirty; one
task (`run`) plans the difference for the dirty rows and performs it step by step, each step confirmed before
the next. Changes that arrive meanwhile wait for the next round, so that there is never more than one plan.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from nextmini.controller.actual import Actual
from nextmini.controller.addresses import AddressLog
from nextmini.controller.batches import batches
from nextmini.controller.dialling import reach_of
from nextmini.controller.flow_names import FlowNames
from nextmini.controller.forests import FIRST_WAY, Forests
from nextmini.controller.lingering import empty_at, forest_empty_at, link_seconds
from nextmini.controller.names import RouteNames
from nextmini.controller.placement import (
    Unplaceable,
    place_flow,
    place_link,
    place_node,
    route_problem,
    route_records,
)
from nextmini.controller.plan import Held, Targets, plan
from nextmini.controller.shaping import class_record
from nextmini.controller.view import Dirty, NetworkView
from nextmini.scenario import Route
from nextmini.scenario.class_table import MOST_CLASSES
from nextmini.scenario.network import site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from nextmini._native import Trees
    from nextmini.algorithms.graph import Path
    from nextmini.controller.actual import Row
    from nextmini.controller.devices import Devices
    from nextmini.controller.dialling import Reach
    from nextmini.controller.peer import Peer
    from nextmini.controller.plan import Body, Step
    from nextmini.protocol import Applied, Apply, ClassRecord, LinkMark, Metrics
    from nextmini.scenario.network import Site
    from nextmini.store import Actual as Confirmed

log = logging.getLogger(__name__)

ANSWER_SECONDS = 60.0
"""A process that has not applied a message after this long is cut off."""


class Reconciler:
    """Desired against actual, for all processes."""

    def __init__(
        self,
        flow_ended: Callable[[int], bool],
        flow_refused: Callable[[int, str], None],
        marked: Callable[[tuple[LinkMark, ...]], None] = lambda marks: None,
        devices: Devices | None = None,
        now: Callable[[], float] = time.monotonic,
        sites: tuple[Site, ...] = (),
    ) -> None:
        """`flow_ended` tells whether a flow is over, so that nobody is to send it any more; `flow_refused`
        is told of a flow that cannot be, `marked` where links stood when what they are to do changed;
        `devices` are those of nodes, `sites` where processes are.
        """
        self.view = NetworkView()
        self.unhosted: Mapping[int, str] = {}
        """Nodes for which this machine has no place, and why."""
        self.actual = Actual()
        self.names = RouteNames()
        self.forests = Forests()
        self.flow_names = FlowNames()
        self.peers: dict[int, Peer] = {}
        self.flow_generations: dict[int, int] = {}
        """The generation in which a flow was last confirmed by its source's process."""
        self._flow_ended = flow_ended
        self._flow_refused = flow_refused
        self._marked = marked
        self._devices = devices
        self._now = now
        self._sites = sites
        self._reaches: dict[int, Reach] = {}
        """Where links of processes arrive, as of when they connected last."""
        self._good: dict[int, Route] = {}
        """Routes as they were last when they could be in force."""
        self._addresses = AddressLog()
        self._held = Held()
        self._dirty = Dirty()
        self._flows_released = False
        self._held_back: set[int] = set()
        """Flows that are to begin again, once everything is in force again that a lost process had."""
        self._generation = 0
        self._answers: dict[int, _Answer] = {}

    def resume(self, states: Confirmed, processes: Collection[int], aliases: int | None) -> None:
        """Goes on for a controller that was killed; what is desired has been read, and nobody is connected.

        Whatever is desired is told as to processes that come back. Of what is not desired any more, processes
        may have been told before (`states`), so it is taken from them; of routes under further numbers too
        (`aliases`, see `RouteNames.resume`).
        """
        view, held = self.view, self._held
        kinds = (states.nodes, states.links, states.routes, states.flows)
        self._generation = max((row.generation for kind in kinds for row in kind.values()), default=0)
        nodes, links = states.nodes.keys() - view.nodes.keys(), states.links.keys() - view.links.keys()
        flows, routes = states.flows.keys() - view.flows.keys(), states.routes.keys() - view.routes.keys()
        for records, ids in ((held.nodes, nodes), (held.links, links), (held.flows, flows)):
            records.suspect(processes, ids)
        held.routes.suspect(processes, self.names.resume(routes, aliases))
        self.mark(Dirty(nodes=set(nodes), links=set(links), flows=set(flows)))

    def connected(self, peer: Peer) -> None:
        """A process is there: it is told everything, whatever it may still know."""
        strange = self._held.forests.found(peer.process, peer.forests)
        self._held.doubt(peer.process)
        self._reaches[peer.process] = reach_of(peer.listen, peer.public, site_of(peer.process, self._sites))
        self.actual.present(peer.process)
        for number in strange:
            # Of another controller: nothing of ours is to be mixed with it.
            if number in self.forests:
                self.forests.renumber(number, self._held.forests.numbers())
        self.names.tell_leaving_again()
        self.peers[peer.process] = peer
        self.mark(self.view.touching(self.view.nodes_of_process(peer.process)))
        self.mark(self._held_rows(peer.process))
        self.mark(Dirty(classes=True))

    def disconnected(self, peer: Peer) -> bool:
        """A process is gone; returns False if another connection of it has taken its place."""
        if self.peers.get(peer.process) is not peer:
            return False
        del self.peers[peer.process]
        for answer in list(self._answers.values()):
            if answer.peer is peer:
                answer.done.set()
        return True

    def lost(self, process: int, reason: str) -> None:
        """Of the rows that a process holds nothing is known any more."""
        self.actual.process_lost(process, self._rows_of(self._held_rows(process)), reason)

    def has_room_for_trees(self) -> bool:
        """Whether others can be planted now; else when something is due (`seconds_until_due`)."""
        return self.forests.has_room(self._now())

    def plant(self, trees: Trees) -> None:
        """Packets between nodes without a route take these trees from now on."""
        self.forests.plant(trees, self._held.forests.numbers())

    def way(self, number: int, source: int, destination: int) -> tuple[int | None, Path | None]:
        """What a number on the wire stands for, of a flow between these nodes: a row and its path.

        Along a tree there is no row.
        """
        if number >= FIRST_WAY:
            return None, self.forests.path(number, source, destination)
        return self.names.row(number), self.names.path(number)

    def mark(self, dirty: Dirty) -> None:
        """These rows have to be looked at."""
        self._dirty.update(dirty)

    def release_flows(self) -> None:
        """From now on processes are told of flows."""
        self._flows_released = True
        self._dirty.flows |= self.view.flows.keys()

    def begin_again(self, flows: Iterable[int], late: float) -> None:
        """These flows begin from zero, under other numbers; `late` as in FlowNames."""
        for id in flows:
            self.flow_names.renew(id, late)
            self.flow_generations.pop(id, None)
            self._held_back.add(id)
            self._dirty.flows.add(id)

    def stop_holding(self, flows: Iterable[int]) -> None:
        """These flows have waited long enough."""
        late = self._held_back.intersection(flows)
        self._held_back -= late
        self._dirty.flows |= late

    def stop_holding_if_whole(self) -> None:
        """Flows that are to begin again do so, if processes, nodes, routes and links are in force again."""
        if self._held_back and self._is_whole():
            self.stop_holding(tuple(self._held_back))

    @property
    def answered(self) -> bool:
        """Whether all processes are there and have answered to everything."""
        return self.idle and self.view.processes() <= self.peers.keys()

    @property
    def restored(self) -> bool:
        """Whether, beyond that, everything is in force that is to work."""
        return self.answered and not self._is_wanting()

    def _is_whole(self) -> bool:
        return self.view.processes() <= self.peers.keys() and not self._is_wanting()

    def _is_wanting(self) -> bool:
        return any(kind != "link" or self._is_to_work(id) for kind, id in self.actual.waiting)

    def _is_to_work(self, id: int) -> bool:
        """Whether a link and its ends are up as far as rows go."""
        nodes, link = self.view.nodes, self.view.links.get(id)
        if link is None:
            return True
        return link.up and all(end not in nodes or nodes[end].up for end in (link.a, link.b))

    @property
    def idle(self) -> bool:
        """Whether there is nothing to tell, and nothing told that is not confirmed."""
        return not self._dirty and not self._answers and not self.forests.pending

    @property
    def settled(self) -> bool:
        """Whether every node, link and route is in force or refused."""
        return self.idle and not self.actual.waiting

    async def reconcile(self) -> None:
        """Plans and performs the difference for everything that is dirty now."""
        now = self._now()
        news = self.forests.has_news(now)
        if not self._dirty and not news and not any(self.names.retired(now)):
            return
        self.forests.told()
        dirty, self._dirty = self._dirty, Dirty()
        targets = self._targets(dirty, now)
        peers = dict(self.peers)
        for step in plan(targets, self._held, frozenset(peers)):
            await self._perform(step, peers)
        await self._leave_forests()

    def seconds_until_due(self) -> float | None:
        """When there is something to tell though nothing changes: a number that nobody uses can go then.

        One that could go already waits for a process that is away, and that is heard of.
        """
        now = self._now()
        moments = (self.names.next_empty(now), self.forests.next_empty())
        due = min((moment for moment in moments if moment is not None), default=None)
        return None if due is None else max(0.0, due - now)

    def applied(self, peer: Peer, message: Applied) -> list[tuple[int, str]]:
        """Takes in a process's answer; returns the flows that it rejected, each with the reason.

        Of a flow that it had already (`flow_generations`) it has rejected a change, and goes on with it.
        """
        answer = self._answers.get(message.generation)
        if answer is None or answer.peer is not peer:
            log.warning(
                "dataplane process %d confirms generation %d, which it was not sent",
                peer.process,
                message.generation,
            )
            return []
        rejected_rows: dict[Row, str] = {}
        rejected_flows: dict[int, str] = {}
        for rejection in message.rejected:
            if rejection.kind == "flow":
                flow_row = self.flow_names.row(rejection.id)
                if flow_row is not None:
                    rejected_flows[flow_row] = rejection.reason
            elif rejection.kind == "route":
                row = self._row_now(rejection.id)
                if row is not None:
                    rejected_rows["route", row] = rejection.reason
            else:
                rejected_rows[rejection.kind, rejection.id] = rejection.reason
        rows = self._rows_in(answer.message)
        self.actual.applied(rows, peer.process, message.generation, rejected_rows)
        for flow in answer.message.flows:
            known = self.flow_names.row(flow.id)
            if known is not None and known not in rejected_flows:
                self.flow_generations[known] = message.generation
        answer.done.set()
        if message.marks:
            self._marked(message.marks)
        return [(id, f"dataplane process {peer.process}: {why}") for id, why in rejected_flows.items()]

    def in_rows(self, metrics: Metrics) -> Metrics:
        """The same about flows by the numbers of their rows, and of none that has begun again since."""
        if not self.flow_names.any_renewed:
            return metrics
        row = self.flow_names.row
        flows = tuple(replace(f, flow=id) for f in metrics.flows if (id := row(f.flow)) is not None)
        sinks = tuple(replace(s, flow=id) for s in metrics.sinks if (id := row(s.flow)) is not None)
        return replace(metrics, flows=flows, sinks=sinks)

    async def _perform(self, step: Step, peers: dict[int, Peer]) -> None:
        """Sends a step and waits until every process has answered or is gone."""
        async with asyncio.TaskGroup() as group:
            for process, body in step.items():
                # A process that has come back since was marked dirty as a whole: the next round is for it.
                if self.peers.get(process) is peers[process]:
                    group.create_task(self._tell(peers[process], body))

    async def _tell(self, peer: Peer, body: Body) -> None:
        self._held.tell(peer.process, body)
        answers = []
        for message in batches(body):
            self._generation += 1
            answer = _Answer(peer, replace(message, generation=self._generation))
            self._answers[self._generation] = answer
            self.actual.told(self._rows_in(answer.message), peer.process)
            answers.append(answer)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                for answer in answers:
                    await peer.send(answer.message)
                for answer in answers:
                    await answer.done.wait()
        except TimeoutError:
            log.error("dataplane process %d does not answer, cutting it off", peer.process)
            await peer.refuse(f"no answer to an apply for {ANSWER_SECONDS:.0f} seconds")
        finally:
            for answer in answers:
                self._answers.pop(answer.message.generation, None)

    async def _leave_forests(self) -> None:
        """Nobody takes these any more from now on: what is under way on them has its time."""
        left = self.forests.left()
        if not left:
            return
        seconds = link_seconds(self.view, self._carries)
        for forest in left:
            longest = await asyncio.to_thread(forest.trees.longest, seconds)
            self.forests.linger(forest.number, forest_empty_at(longest, self._now()))

    def _targets(self, dirty: Dirty, now: float) -> Targets:
        """Who is to hold what of the dirty rows; notes what is expected of whom."""
        for id in dirty.nodes:
            self._addresses.note(id, self.view.nodes.get(id))
        targets = Targets(
            classes=self._classes(),
            traces=self.view.traces,
            addresses=self._addresses,
            forests=self.forests,
            hosted=self.view.hosted() if self.forests.taken is not None else {},
        )
        for trace in dirty.traces:
            # The same number means something else now: whoever has it is told again.
            for id in self._links_with(trace):
                self._held.links.doubt_row(id)
        for id in dirty.nodes:
            self._target_node(id, targets)
        for id in dirty.links:
            self._target_link(id, targets)
        for id in dirty.routes:
            self._target_route(id, targets, now)
            dirty.flows |= self.view.pinned_to(id)
        for wire in self.names.take_leaving(now):
            self._target_leaving(wire, targets)
        for wire in self.names.retired(now):
            if self._held.routes.get(wire):
                targets.routes[wire] = {}
            else:
                self.names.gone(wire)
        for id in dirty.flows:
            self._target_flow(id, targets)
        for wire in self.flow_names.retired():
            if self._held.flows.get(wire):
                targets.flows.setdefault(wire, {})
            else:
                self.flow_names.gone(wire)
        return targets

    def _target_node(self, id: int, targets: Targets) -> None:
        node = self.view.nodes.get(id)
        targets.nodes[id] = {}
        if node is None:
            self.actual.forget(("node", id))
            return
        placed = place_node(node, self._devices)
        if id in self.unhosted:
            placed = Unplaceable(self.unhosted[id])
        if isinstance(placed, Unplaceable):
            self.actual.expect(("node", id), (), problem=placed.reason)
        else:
            targets.nodes[id] = placed
            self.actual.expect(("node", id), placed)

    def _target_link(self, id: int, targets: Targets) -> None:
        link = self.view.links.get(id)
        targets.links[id] = {}
        if link is None:
            self.actual.forget(("link", id))
            return
        if id in self.view.unusable:
            self.actual.expect(("link", id), (), problem=link.flaw)
            return
        placed = place_link(link, self.view, self._reaches, self._sites)
        if isinstance(placed, Unplaceable):
            self.actual.expect(("link", id), (), problem=placed.reason)
            return
        targets.links[id] = placed
        # Both ends count, also one that has to wait for the other to connect.
        ends = {self.view.nodes[link.a].process, self.view.nodes[link.b].process}
        self.actual.expect(("link", id), ends, carried=link.transport != "memory", problem=link.flaw)

    def _target_route(self, id: int, targets: Targets, now: float) -> None:
        route, before = self.view.routes.get(id), self.names.wire(id)
        if route is None:
            self._good.pop(id, None)
            self.names.retire(id, self._empty_at(before, now))
            self.actual.forget(("route", id))
            return
        problem = route_problem(route.path, route.weight, self.view)
        if problem is not None:
            known = self._good.get(id)
            if known is None or route_problem(known.path, known.weight, self.view) is not None:
                self._good.pop(id, None)
                self.names.retire(id, self._empty_at(before, now))
                self.actual.expect(("route", id), (), problem=problem)
                return
            # What was in force stays.
            route = known
        self._good[id] = route
        moves = before is not None and self.names.path(before) != route.path
        wire = self.names.name(id, route.path, self._empty_at(before, now) if moves else 0.0)
        if before != wire:
            # Nothing that was confirmed of the old path counts for the new one.
            self.actual.forget(("route", id))
            self._held.routes.doubt_row(wire)
        placed = targets.routes[wire] = route_records(route, wire, self.view)
        targets.route_sources[wire] = self.view.nodes[route.path[0]].process
        self.actual.expect(("route", id), placed, problem=problem)

    def _empty_at(self, wire: int | None, now: float) -> float:
        """When nothing is under way on the path of this number, which is left now: see `empty_at`."""
        path = None if wire is None else self.names.path(wire)
        return empty_at(path, self.view, self._carries, now)

    def _target_leaving(self, wire: int, targets: Targets) -> None:
        """No flow is to take this number any more; what is on its way goes on."""
        row, path = self.names.row(wire), self.names.path(wire)
        if row is None or path is None:
            return
        if route_problem(path, 1, self.view) is None:
            targets.routes[wire] = route_records(Route(row, path, 0, ""), wire, self.view)

    def _carries(self, link: int) -> bool:
        """Whether what is under way on a link arrives."""
        row, states = self.view.links[link], self.actual.states
        ends = [states.get(("node", node)) for node in (row.a, row.b)]
        if not row.up or any(end is None or end.status not in ("up", "pending") for end in ends):
            return False
        state = states.get(("link", link))
        return self.view.stands(link) or (state is not None and state.status in ("up", "pending"))

    def _target_flow(self, id: int, targets: Targets) -> None:
        flow, wire = self.view.flows.get(id), self.flow_names.wire(id)
        pin = self.view.pins.get(id)
        if (
            flow is not None
            and id in self.flow_generations
            and pin is not None
            and pin not in self.view.routes
        ):
            return  # that is announced in a moment, and what is sent until then is not to be lost
        targets.flows[wire] = {}
        if flow is None:
            self.flow_generations.pop(id, None)
            self.flow_names.forget(id)
            self._held_back.discard(id)
            return
        if self._flow_ended(id) or not self._flows_released:
            return
        placed = place_flow(flow, self.view)
        if isinstance(placed, Unplaceable):
            self._flow_refused(id, placed.reason)
        elif wire == id:
            targets.flows[wire] = placed
        elif id not in self._held_back:
            start = max(0.0, flow.start - self.flow_names.late(id))
            targets.flows[wire] = {p: replace(record, id=wire, start=start) for p, record in placed.items()}

    def _classes(self) -> tuple[ClassRecord, ...]:
        """All classes, in the order in which they are tried."""
        rows = sorted(self.view.classes.values(), key=attrgetter("id"))
        if len(rows) > MOST_CLASSES:
            log.error("there are %d classes: only the first %d are in force", len(rows), MOST_CLASSES)
        return tuple(class_record(row) for row in rows[:MOST_CLASSES])

    def _links_with(self, trace: int) -> list[int]:
        return [
            id for id, link in self.view.links.items() if trace in (link.forward.trace, link.backward.trace)
        ]

    def _held_rows(self, process: int) -> Dirty:
        """The rows that a process was told of."""
        routes = {self.names.row(wire) for wire in self._held.routes.ids(process)}
        flows = {self.flow_names.row(wire) for wire in self._held.flows.ids(process)}
        return Dirty(
            nodes=set(self._held.nodes.ids(process)),
            links=set(self._held.links.ids(process)),
            routes={row for row in routes if row is not None},
            flows={row for row in flows if row is not None},
        )

    @staticmethod
    def _rows_of(dirty: Dirty) -> Iterator[Row]:
        for node in dirty.nodes:
            yield ("node", node)
        for link in dirty.links:
            yield ("link", link)
        for route in dirty.routes:
            yield ("route", route)

    def _rows_in(self, message: Apply) -> list[Row]:
        """The rows that a message puts in force."""
        rows: list[Row] = [("node", node.id) for node in message.nodes]
        rows += [("link", link.id) for link in message.links]
        for route in message.routes:
            row = self._row_now(route.id)
            if row is not None:
                rows.append(("route", row))
        return rows

    def _row_now(self, wire: int) -> int | None:
        """The row for which this number of a route stands now, if it does not only linger."""
        row = self.names.row(wire)
        return row if row is not None and self.names.wire(row) == wire else None


class _Answer:
    """A message that waits for its `applied`."""

    def __init__(self, peer: Peer, message: Apply) -> None:
        self.peer = peer
        self.message = message
        self.done = asyncio.Event()
