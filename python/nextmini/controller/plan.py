"""Desired against actual: which process is to be told what, and in which order.

`plan` compares records by process with what each process was told and returns up to four steps. A step is
sent to all its processes at once; the next one starts when everything of it is confirmed:

1. classes, traces, addresses, nodes, links, forests and, at relays and destinations, routes: what others are
going to rely on; 2. routes at the process of their source, the forest that is taken, and flows: from here on
traffic uses what step 1 made; 3. flows that go and, at the process of their source, routes that go: nothing
new enters them; 4. routes elsewhere, forests, links and nodes that go.

So a route is used only when every node of it knows it (a route's path never changes under its number: a new
path is a new number, made in 1 and 2 before the old one is broken in 3 and 4), and nothing is taken away
that a source may still use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from nextmini.controller.addresses import AddressLog
from nextmini.controller.forests import Forests
from nextmini.controller.shaping import trace_records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from nextmini.protocol import (
        AddressRecord,
        ClassRecord,
        FlowRecord,
        ForestRecord,
        ForestRow,
        LinkRecord,
        NodeRecord,
        RouteRecord,
        TraceRecord,
    )
    from nextmini.scenario import Trace


class _Record(Protocol):
    @property
    def id(self) -> int: ...


R = TypeVar("R", bound=_Record)


@dataclass(slots=True)
class Body:
    """What one process is told in one step."""

    classes: tuple[ClassRecord, ...] | None = None
    """All of them, if they are not what they were."""
    traces: list[TraceRecord] = field(default_factory=list)
    addresses: list[AddressRecord] = field(default_factory=list)
    nodes: list[NodeRecord] = field(default_factory=list)
    links: list[LinkRecord] = field(default_factory=list)
    routes: list[RouteRecord] = field(default_factory=list)
    flows: list[FlowRecord] = field(default_factory=list)
    forests: list[ForestRecord] = field(default_factory=list)
    forest_rows: list[ForestRow] = field(default_factory=list)
    forest: int | None = None
    """The one that is taken, if it is not the one that it was."""
    remove_nodes: list[int] = field(default_factory=list)
    remove_links: list[int] = field(default_factory=list)
    remove_routes: list[int] = field(default_factory=list)
    remove_flows: list[int] = field(default_factory=list)
    remove_forests: list[int] = field(default_factory=list)


Step = dict[int, Body]


class HeldRecords(Generic[R]):
    """Which records of one kind each process was told; None where it may have one that is out of date."""

    def __init__(self) -> None:
        self._by_id: dict[int, dict[int, R | None]] = {}
        self._by_process: dict[int, set[int]] = {}

    def get(self, id: int) -> Mapping[int, R | None]:
        """By process."""
        return self._by_id.get(id, {})

    def ids(self, process: int) -> frozenset[int]:
        """What the process was told."""
        return frozenset(self._by_process.get(process, ()))

    def put(self, process: int, record: R) -> None:
        self._by_id.setdefault(record.id, {})[process] = record
        self._by_process.setdefault(process, set()).add(record.id)

    def remove(self, process: int, id: int) -> None:
        records = self._by_id.get(id)
        if records is not None:
            records.pop(process, None)
            if not records:
                del self._by_id[id]
        self._by_process.get(process, set()).discard(id)

    def suspect(self, processes: Collection[int], ids: Iterable[int]) -> None:
        """The processes may have been told of these, by somebody else."""
        for id in ids:
            self._by_id[id] = dict.fromkeys(processes)
            for process in processes:
                self._by_process.setdefault(process, set()).add(id)

    def doubt(self, process: int) -> None:
        """The process came back: what it was told has to be told again, or taken away."""
        for id in self._by_process.get(process, ()):
            self._by_id[id][process] = None

    def doubt_row(self, id: int) -> None:
        """What the record refers to has changed: it has to be told again."""
        records = self._by_id.get(id, {})
        self._by_id[id] = dict.fromkeys(records) if records else {}


class HeldForests:
    """Which forests each process was told, and which rows of each; None where it may have another one."""

    def __init__(self) -> None:
        self._told: dict[int, dict[int, set[int] | None]] = {}
        self._taken: dict[int, int] = {}

    def of(self, process: int) -> Mapping[int, set[int] | None]:
        """The nodes whose rows the process was told, by forest."""
        return self._told.get(process, {})

    def taken(self, process: int) -> int | None:
        """The one that packets take there."""
        return self._taken.get(process)

    def numbers(self) -> set[int]:
        """Those that some process may have."""
        return {number for told in self._told.values() for number in told}

    def found(self, process: int, numbers: Iterable[int]) -> list[int]:
        """A process has these; returns those of which it was not told."""
        told = self._told.setdefault(process, {})
        strange = [number for number in numbers if number not in told]
        told.update(dict.fromkeys(strange))
        return strange

    def doubt(self, process: int) -> None:
        """See HeldRecords.doubt."""
        self._told[process] = dict.fromkeys(self._told.get(process, ()))
        self._taken.pop(process, None)

    def tell(self, process: int, body: Body) -> None:
        """Notes that the process is told this."""
        told = self._told.setdefault(process, {})
        for number in body.remove_forests:
            told.pop(number, None)
        for forest in body.forests:
            told[forest.id] = set()
        for row in body.forest_rows:
            known = told.get(row.forest)
            if known is not None:
                known.add(row.node)
        if body.forest is not None:
            self._taken[process] = body.forest


class Held:
    """Everything that the processes were told."""

    def __init__(self) -> None:
        self.nodes: HeldRecords[NodeRecord] = HeldRecords()
        self.links: HeldRecords[LinkRecord] = HeldRecords()
        self.routes: HeldRecords[RouteRecord] = HeldRecords()
        self.flows: HeldRecords[FlowRecord] = HeldRecords()
        self.classes: dict[int, tuple[ClassRecord, ...] | None] = {}
        """Which classes each process was told; None where it may have others."""
        self.traces: dict[int, dict[int, Trace]] = {}
        """Which traces each process was told, by number."""
        self.addresses: dict[int, int] = {}
        """How many entries of the log of addresses each process was told."""
        self.forests = HeldForests()
        self.route_sources: dict[int, int] = {}
        """The process of each route's source, as of when it was told."""

    def doubt(self, process: int) -> None:
        """See HeldRecords.doubt."""
        for held in (self.nodes, self.links, self.routes, self.flows):
            held.doubt(process)
        self.forests.doubt(process)
        self.traces.pop(process, None)
        self.addresses.pop(process, None)
        if process in self.classes:
            self.classes[process] = None

    def tell(self, process: int, body: Body) -> None:
        """Notes that the process is told this."""
        for node_id in body.remove_nodes:
            self.nodes.remove(process, node_id)
        for link_id in body.remove_links:
            self.links.remove(process, link_id)
        for route_id in body.remove_routes:
            self.routes.remove(process, route_id)
            if not self.routes.get(route_id):
                self.route_sources.pop(route_id, None)
        for flow_id in body.remove_flows:
            self.flows.remove(process, flow_id)
        self.forests.tell(process, body)
        if body.classes is not None:
            self.classes[process] = body.classes
        for node in body.nodes:
            self.nodes.put(process, node)
        for link in body.links:
            self.links.put(process, link)
        for route in body.routes:
            self.routes.put(process, route)
        for flow in body.flows:
            self.flows.put(process, flow)


@dataclass(slots=True)
class Targets:
    """Records by id and process: what processes are to hold of the rows that are looked at."""

    nodes: dict[int, dict[int, NodeRecord]] = field(default_factory=dict)
    links: dict[int, dict[int, LinkRecord]] = field(default_factory=dict)
    routes: dict[int, dict[int, RouteRecord]] = field(default_factory=dict)
    flows: dict[int, dict[int, FlowRecord]] = field(default_factory=dict)
    route_sources: dict[int, int] = field(default_factory=dict)
    classes: tuple[ClassRecord, ...] = ()
    """For every process."""
    traces: Mapping[int, Trace] = field(default_factory=dict)
    """Those that links may refer to."""
    addresses: AddressLog = field(default_factory=AddressLog)
    """Of all nodes, for every process."""
    forests: Forests = field(default_factory=Forests)
    """For every process, the rows of its own nodes."""
    hosted: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """The nodes of each process."""


def plan(targets: Targets, held: Held, connected: frozenset[int]) -> list[Step]:
    """The steps from what is held to the targets, at the connected processes; no step is empty."""
    steps = _Steps()
    held.route_sources.update(targets.route_sources)
    for process in connected:
        if held.classes.get(process, ()) != targets.classes:
            steps.body(1, process).classes = targets.classes
        news = targets.addresses.since(held.addresses.get(process, 0))
        if news:
            steps.body(1, process).addresses = news
            held.addresses[process] = len(targets.addresses)
        _plan_forests(steps, held.forests, targets, process)
    for node_id, nodes in targets.nodes.items():
        differing, surplus = _compare(held.nodes.get(node_id), nodes, connected)
        for process in differing:
            steps.body(1, process).nodes.append(nodes[process])
        for process in surplus:
            steps.body(4, process).remove_nodes.append(node_id)
    for link_id, links in targets.links.items():
        _plan_link(steps, held.links.get(link_id), links, connected, link_id)
    for route_id, routes in targets.routes.items():
        source = held.route_sources.get(route_id)
        differing, surplus = _compare(held.routes.get(route_id), routes, connected)
        for process in differing:
            steps.body(2 if process == source else 1, process).routes.append(routes[process])
        for process in surplus:
            steps.body(3 if process == source else 4, process).remove_routes.append(route_id)
    for flow_id, flows in targets.flows.items():
        differing, surplus = _compare(held.flows.get(flow_id), flows, connected)
        for process in differing:
            steps.body(2, process).flows.append(flows[process])
        for process in surplus:
            steps.body(3, process).remove_flows.append(flow_id)
    result = steps.result()
    for process, body in result[0].items() if result else ():
        _plan_traces(body, held.traces.setdefault(process, {}), targets.traces)
    return result


def _plan_forests(steps: _Steps, held: HeldForests, targets: Targets, process: int) -> None:
    """Tells a process of the forests that it lacks; it takes one only when all others have it."""
    told, hosted = held.of(process), targets.hosted.get(process, frozenset())
    for forest in targets.forests:
        known = told.get(forest.number)
        if known is None:
            steps.body(1, process).forests.append(forest.record())
        rows = [forest.row(node) for node in sorted(hosted - (known or set()))]
        if any(rows):
            steps.body(1, process).forest_rows += [row for row in rows if row is not None]
    taken = targets.forests.taken
    if taken is not None and taken != held.taken(process):
        steps.body(2, process).forest = taken
    gone = [number for number in told if number not in targets.forests]
    if gone:
        steps.body(4, process).remove_forests += gone


def _plan_traces(body: Body, held: dict[int, Trace], traces: Mapping[int, Trace]) -> None:
    """Tells of the traces that the links of a body refer to, where they are not known as they are."""
    for link in body.links:
        for id in (link.forward.trace, link.backward.trace):
            if id is not None and id in traces and held.get(id) != traces[id]:
                held[id] = traces[id]
                body.traces += trace_records(traces[id])


def _plan_link(
    steps: _Steps,
    held: Mapping[int, LinkRecord | None],
    wanted: Mapping[int, LinkRecord],
    connected: frozenset[int],
    id: int,
) -> None:
    differing, surplus = _compare(held, wanted, connected)
    for process in differing:
        before, link = held.get(process), wanted[process]
        if before is not None and (before.a, before.b, before.transport) != (link.a, link.b, link.transport):
            # Another link under the old number: the removals of a message come before its additions.
            steps.body(1, process).remove_links.append(id)
        steps.body(1, process).links.append(link)
    for process in surplus:
        steps.body(4, process).remove_links.append(id)


def _compare(
    held: Mapping[int, R | None], wanted: Mapping[int, R], connected: frozenset[int]
) -> tuple[list[int], list[int]]:
    """The connected processes whose record is not the wanted one, and those that are to have none."""
    differing = [process for process, record in wanted.items() if held.get(process) != record]
    surplus = [process for process in held if process not in wanted]
    return [p for p in differing if p in connected], [p for p in surplus if p in connected]


class _Steps:
    """The four steps under construction."""

    def __init__(self) -> None:
        self._steps: dict[int, Step] = {1: {}, 2: {}, 3: {}, 4: {}}

    def body(self, step: int, process: int) -> Body:
        return self._steps[step].setdefault(process, Body())

    def result(self) -> list[Step]:
        return [step for step in self._steps.values() if step]
