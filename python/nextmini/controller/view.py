"""What is desired, with the indexes that make a change cost only what it touches.

The controller keeps its own copy of the rows, so that it can tell what a change notice changed, and derives
from a change the other rows whose place may change with it: a node that moves takes its links along, a link
that appears may make a route possible.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from nextmini.algorithms.graph import pair_of
from nextmini.controller.shaping import chunk_limit
from nextmini.protocol import LARGEST_CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nextmini.algorithms.graph import Pair
    from nextmini.scenario import Class, Flow, Link, Node, Route, Trace

    Row = Node | Link | Route | Flow

T = TypeVar("T")

NONE: Mapping[int, None] = MappingProxyType({})


@dataclass(slots=True)
class Dirty:
    """Ids of rows whose records have to be compared with what the processes hold.

    `traces` are those that changed, `classes` whether any class did: these have no records of their own.
    """

    nodes: set[int] = field(default_factory=set)
    links: set[int] = field(default_factory=set)
    routes: set[int] = field(default_factory=set)
    flows: set[int] = field(default_factory=set)
    traces: set[int] = field(default_factory=set)
    classes: bool = False

    def __bool__(self) -> bool:
        rows = self.nodes or self.links or self.routes or self.flows
        return bool(rows or self.traces or self.classes)

    def update(self, other: Dirty) -> None:
        """Adds everything of `other`."""
        self.nodes |= other.nodes
        self.links |= other.links
        self.routes |= other.routes
        self.flows |= other.flows
        self.traces |= other.traces
        self.classes |= other.classes


class _Index(defaultdict[int, set[int]]):
    """Ids by node (or process); an entry that becomes empty goes away."""

    def __init__(self) -> None:
        super().__init__(set)

    def add(self, key: int, id: int) -> None:
        self[key].add(id)

    def discard(self, key: int, id: int) -> None:
        ids = self.get(key)
        if ids is not None:
            ids.discard(id)
            if not ids:
                del self[key]


class NetworkView:
    """The desired rows and their indexes."""

    def __init__(self) -> None:
        self.nodes: dict[int, Node] = {}
        self.links: dict[int, Link] = {}
        self.routes: dict[int, Route] = {}
        self.flows: dict[int, Flow] = {}
        self.pins: dict[int, int] = {}
        """The routes that flows must take."""
        self.classes: dict[int, Class] = {}
        self.traces: dict[int, Trace] = {}
        self.unusable: set[int] = set()
        """Links whose rows never could be used."""
        self.links_between: dict[Pair, set[int]] = {}
        self.routes_between: dict[Pair, set[int]] = {}
        """Routes by (source, destination), in that direction."""
        self._links_of = _Index()
        self._flows_of = _Index()
        self._pinned_to = _Index()
        self._nodes_of_process = _Index()
        self._flawed: dict[int, Link] = {}
        """Links' rows that cannot be used, as they are."""
        self._chunks: dict[int, tuple[int, int]] = {}
        """The largest chunks over each link, forward and backward."""
        self._slow: set[int] = set()
        """The links for which these are not the largest that there are."""

    def replace(
        self,
        nodes: Mapping[int, Node | None],
        links: Mapping[int, Link | None],
        routes: Mapping[int, Route | None],
        flows: Mapping[int, Flow | None],
        classes: Mapping[int, Class | None] = NONE,
        traces: Mapping[int, Trace | None] = NONE,
        pins: Mapping[int, int | None] = NONE,
    ) -> Dirty:
        """Takes over rows (None: the row is gone) and returns every row that is touched by the change.

        A link's row that cannot be used is noted as its flaw; for the rest the link stays as it was.
        """
        dirty = Dirty(set(nodes), set(links), set(routes), set(flows), set(traces), bool(classes))
        for class_id, row in classes.items():
            _put(self.classes, class_id, row)
        for trace_id, trace in traces.items():
            _put(self.traces, trace_id, trace)
        moved = [id for id, node in nodes.items() if self._replace_node(id, node, dirty)]
        changed_pairs: set[Pair] = set()
        for link_id, link in {**self._links_with(set(traces)), **links}.items():
            changed_pairs |= self._replace_link(link_id, link)
            dirty.links.add(link_id)
        for route_id, route in routes.items():
            self._replace_route(route_id, route)
        for flow_id, flow in flows.items():
            self._replace_flow(flow_id, flow)
        for flow_id, pin in pins.items():
            self._replace_pin(flow_id, pin)
            dirty.flows.add(flow_id)
        dirty.update(self.touching(moved))
        dirty.routes |= self.routes_over(changed_pairs)
        return dirty

    def chunk(self, path: tuple[int, ...]) -> int:
        """The most bytes of a chunk that may take this path; its links are all there."""
        least = LARGEST_CHUNK
        if not self._slow:  # paths may have thousands of links
            return least
        for one, other in pairwise(path):
            for id in self.links_between[pair_of(one, other)]:
                forward, backward = self._chunks[id]
                least = min(least, forward if self.links[id].a == one else backward)
        return least

    def chunks_over(self, link: int) -> tuple[int, int]:
        """The most bytes of a chunk over a link, forward and backward."""
        return self._chunks[link]

    def stands(self, link: int) -> bool:
        """Whether a link is in force although its row cannot be used."""
        return link in self._flawed and link not in self.unusable

    def touching(self, nodes: Iterable[int]) -> Dirty:
        """The links, routes and flows that these nodes are part of, and the nodes themselves."""
        found = Dirty(nodes=set(nodes))
        if not found.nodes:
            return found
        for node in found.nodes:
            found.links |= self._links_of.get(node, set())
            found.flows |= self._flows_of.get(node, set())
        found.routes = {route.id for route in self.routes.values() if not found.nodes.isdisjoint(route.path)}
        return found

    def flows_between(self, source: int, destination: int) -> list[int]:
        """The flows from one node to the other."""
        return [
            id
            for id in self._flows_of.get(source, ())
            if (self.flows[id].source, self.flows[id].destination) == (source, destination)
        ]

    def pinned_to(self, route: int) -> frozenset[int]:
        """The flows that must take this route."""
        return frozenset(self._pinned_to.get(route, ()))

    def name(self, node: int) -> str:
        """The node's name; its number if there is no such node."""
        return self.nodes[node].name if node in self.nodes else f"number {node}"

    def nodes_of_process(self, process: int) -> frozenset[int]:
        """The nodes that are to run in this process."""
        return frozenset(self._nodes_of_process.get(process, ()))

    def hosted(self) -> dict[int, frozenset[int]]:
        """The nodes that are to run in each process."""
        return {process: self.nodes_of_process(process) for process in self._nodes_of_process}

    def processes_of(self, path: tuple[int, ...]) -> frozenset[int]:
        """The processes that a path visits; its nodes are all there."""
        if len(self._nodes_of_process) == 1:
            return self.processes()
        return frozenset(self.nodes[node].process for node in path)

    def processes(self) -> frozenset[int]:
        """The processes that are to have nodes."""
        return frozenset(self._nodes_of_process)

    def routes_over(self, pairs: set[Pair]) -> set[int]:
        """The routes that step from one node to the other of any of these pairs."""
        if not pairs:
            return set()
        ends = {a for a, _ in pairs}
        return {
            route.id
            for route in self.routes.values()
            if not ends.isdisjoint(route.path)
            and any(pair_of(*step) in pairs for step in pairwise(route.path))
        }

    def _replace_node(self, id: int, node: Node | None, dirty: Dirty) -> bool:
        """Returns whether the node came, went or moved to another process."""
        old = _put(self.nodes, id, node)
        if old is not None and node is not None and old.up != node.up:
            dirty.links |= self._links_of.get(id, set())
        before, after = old.process if old else None, node.process if node else None
        if before == after:
            return False
        if before is not None:
            self._nodes_of_process.discard(before, id)
        if after is not None:
            self._nodes_of_process.add(after, id)
        return True

    def _links_with(self, traces: set[int]) -> dict[int, Link]:
        """The rows of links that have any of these traces, or are asked to have one."""
        if not traces:
            return {}
        rows = self.links | self._flawed
        asked = {id: (self.links[id], row) for id, row in rows.items()}
        return {id: row for id, (now, row) in asked.items() if not traces.isdisjoint(_traces_of(now, row))}

    def _replace_link(self, id: int, link: Link | None) -> set[Pair]:
        """Returns the pairs of nodes between which there is a link more or less, or one of other chunks."""
        link = self._usable(id, link)
        old = _put(self.links, id, link)
        chunks = self._chunks.pop(id, None)
        if link is not None:
            self._chunks[id] = (
                chunk_limit(link.forward, link.mtu, self.traces),
                chunk_limit(link.backward, link.mtu, self.traces),
            )
        if link is not None and min(self._chunks[id]) < LARGEST_CHUNK:
            self._slow.add(id)
        else:
            self._slow.discard(id)
        before = pair_of(old.a, old.b) if old else None
        after = pair_of(link.a, link.b) if link else None
        if before == after:
            same = after is None or self._chunks[id] == chunks
            return set() if same or after is None else {after}
        if before is not None:
            _discard(self.links_between, before, id)
            for node in before:
                self._links_of.discard(node, id)
        if after is not None:
            self.links_between.setdefault(after, set()).add(id)
            for node in after:
                self._links_of.add(node, id)
        return {pair for pair in (before, after) if pair is not None}

    def _usable(self, id: int, link: Link | None) -> Link | None:
        """The link as it is to be: of a row that cannot be used, the one before, with the flaw."""
        flaw = None if link is None else link.flaw or self._missing_trace(link)
        if link is None or flaw is None:
            self._flawed.pop(id, None)
            self.unusable.discard(id)
            return link
        self._flawed[id] = link
        known = self.links.get(id)
        if known is None or id in self.unusable:
            self.unusable.add(id)
            return replace(link, flaw=flaw)
        return replace(known, flaw=flaw)

    def _missing_trace(self, link: Link) -> str | None:
        for way, direction in (("forward", link.forward), ("backward", link.backward)):
            if direction.trace is not None and direction.trace not in self.traces:
                return f"{way}.trace: there is no trace {direction.trace}"
        return None

    def _replace_route(self, id: int, route: Route | None) -> None:
        old = _put(self.routes, id, route)
        if old is not None and old.path:
            _discard(self.routes_between, (old.path[0], old.path[-1]), id)
        if route is not None and route.path:
            self.routes_between.setdefault((route.path[0], route.path[-1]), set()).add(id)

    def _replace_flow(self, id: int, flow: Flow | None) -> None:
        old = _put(self.flows, id, flow)
        for row, change in ((old, self._flows_of.discard), (flow, self._flows_of.add)):
            if row is not None:
                change(row.source, id)
                change(row.destination, id)

    def _replace_pin(self, flow: int, route: int | None) -> None:
        old = _put(self.pins, flow, route)
        if old is not None:
            self._pinned_to.discard(old, flow)
        if route is not None:
            self._pinned_to.add(route, flow)


def _traces_of(*links: Link) -> set[int]:
    found = {direction.trace for link in links for direction in (link.forward, link.backward)}
    return {trace for trace in found if trace is not None}


def _put(rows: dict[int, T], id: int, row: T | None) -> T | None:
    """Stores or removes one row and returns the one before."""
    old = rows.pop(id, None)
    if row is not None:
        rows[id] = row
    return old


def _discard(index: dict[Pair, set[int]], key: Pair, id: int) -> None:
    ids = index.get(key)
    if ids is not None:
        ids.discard(id)
        if not ids:
            del index[key]
