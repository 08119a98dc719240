"""The network as it is now, with the indexes that make looking something up cheap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from nextmini.algorithms.rows import Flow, Link, Node, Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.algorithms.rows import FlowSample, LinkSample

T = TypeVar("T")
Pair = tuple[int, int]

_STALE_INTERVALS = 2.0
"""A direction of which nothing was measured for so long has carried nothing: rows that would repeat the one
before are left out."""


class Renamed(Mapping[int, T]):
    """Rows by number; those that were new once are still found by the number that they had then."""

    def __init__(self) -> None:
        self.rows: dict[int, T] = {}
        self._names: dict[int, int] = {}

    def number(self, id: int) -> int:
        """The number that the row has now."""
        return self._names.get(id, id)

    def rename(self, id: int, number: int) -> None:
        """The row has another number from now on."""
        self._names[id] = number

    def remove(self, id: int) -> T | None:
        """Removes a row, and what it was called."""
        self._names = {name: number for name, number in self._names.items() if number != id}
        return self.rows.pop(id, None)

    def __getitem__(self, id: int) -> T:
        return self.rows[self.number(id)]

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return repr(self.rows)


class View:
    """Rows and the newest measurements.

    Mappings follow what happens: copy what is to stay as it is. Whoever goes through one may change its rows
    meanwhile, but neither add nor remove any.

    `time` is that of the newest wake-up, `interval` that between two samples, both in seconds; times are
    counted from the beginning of the run, by the database's clock.
    """

    def __init__(self, interval: float = 1.0) -> None:
        self.time = 0.0
        self.interval = interval
        self._nodes: dict[int, Node] = {}
        self._links: dict[int, Link] = {}
        self._routes: Renamed[Route] = Renamed()
        self._flows: Renamed[Flow] = Renamed()
        self._link_samples: dict[Pair, LinkSample] = {}
        self._flow_samples: dict[int, FlowSample] = {}
        self._named: dict[str, int] = {}
        self._between: dict[Pair, int] = {}
        self._links_at: dict[int, set[int]] = {}
        self._routes_between: dict[Pair, set[int]] = {}
        self._flows_between: dict[Pair, set[int]] = {}
        self.nodes: Mapping[int, Node] = MappingProxyType(self._nodes)
        self.links: Mapping[int, Link] = MappingProxyType(self._links)
        self.routes: Mapping[int, Route] = self._routes
        self.flows: Mapping[int, Flow] = self._flows
        self.link_samples: Mapping[Pair, LinkSample] = MappingProxyType(self._link_samples)
        """The newest sample of each direction, by (link, sending node)."""
        self.flow_samples: Mapping[int, FlowSample] = MappingProxyType(self._flow_samples)
        """The newest sample of each flow."""

    # Looking something up.

    def node_named(self, name: str) -> Node:
        """The node with this name. Raises KeyError if there is none."""
        return self._nodes[self._named[name]]

    def link_between(self, a: int, b: int) -> Link | None:
        """The link between two nodes, whichever is named first; None if there is none."""
        id = self._between.get(_pair(a, b))
        return None if id is None else self._links[id]

    def links_at(self, node: int) -> list[Link]:
        """The links that end at a node, by number."""
        return [self._links[id] for id in sorted(self._links_at.get(node, ()))]

    def links_of(self, path: Route | Sequence[int]) -> list[tuple[Link, int]]:
        """The links on a path, each with the node that sends over it.

        Steps between nodes that no link joins any more are left out: see `works`.
        """
        nodes = path.path if isinstance(path, Route) else path
        found = ((self.link_between(a, b), a) for a, b in pairwise(nodes))
        return [(link, node) for link, node in found if link is not None]

    def works(self, path: Route | Sequence[int]) -> bool:
        """Whether all nodes and links on a path are there, and up."""
        nodes = path.path if isinstance(path, Route) else path
        links = self.links_of(nodes)
        return (
            len(links) == len(nodes) - 1
            and all(link.up for link, _ in links)
            and all(node in self._nodes and self._nodes[node].up for node in nodes)
        )

    def routes_between(self, source: int, destination: int) -> list[Route]:
        """The routes from one node to the other, by number; new ones first."""
        found = self._routes_between.get((source, destination), ())
        return [self._routes.rows[id] for id in sorted(found)]

    def routes_of(self, flow: Flow | int) -> list[Route]:
        """The routes that a flow may take: its pin, or those between its ends.

        Raises KeyError if there is no such flow.
        """
        row = self._flows[flow.id if isinstance(flow, Flow) else flow]
        if row.pinned is not None and row.pinned in self._routes:
            return [self._routes[row.pinned]]
        return self.routes_between(row.source, row.destination)

    def flows_between(self, source: int, destination: int) -> list[Flow]:
        """The flows from one node to the other, ended ones too, by number."""
        found = self._flows_between.get((source, destination), ())
        return [self._flows.rows[id] for id in sorted(found)]

    def throughput(self, link: int, from_node: int) -> float:
        """What a direction of a link carries in bit/s, as measured last; 0 if nothing came lately."""
        sample = self._link_samples.get((link, from_node))
        if sample is None or self.time - sample.time > _STALE_INTERVALS * self.interval:
            return 0.0
        return sample.bits_per_second

    # For who keeps it up to date.

    def put_node(self, id: int, node: Node | None) -> None:
        """Takes in a node; None: it is gone."""
        old = self._nodes.get(id)
        # Names may be exchanged: one that is somebody else's already stays theirs.
        if old is not None and self._named.get(old.name) == id:
            del self._named[old.name]
        if node is None:
            self._nodes.pop(id, None)
            return
        self._nodes[id] = node
        self._named[node.name] = id

    def put_link(self, id: int, link: Link | None) -> None:
        """Takes in a link; None: it is gone."""
        old = self._links.get(id)
        if old is not None:
            if self._between.get(_pair(old.a, old.b)) == id:
                del self._between[_pair(old.a, old.b)]
            for node in (old.a, old.b):
                _discard(self._links_at, node, id)
        if link is None:
            self._links.pop(id, None)
            for node in (old.a, old.b) if old is not None else ():
                self._link_samples.pop((id, node), None)
            return
        self._links[id] = link
        self._between[_pair(link.a, link.b)] = id
        for node in (link.a, link.b):
            self._links_at.setdefault(node, set()).add(id)

    def put_route(self, id: int, route: Route | None) -> None:
        """Takes in a route; None: it is gone."""
        old = self._routes.rows.get(id)
        if old is not None:
            _discard(self._routes_between, (old.source, old.destination), id)
        if route is None:
            self._routes.remove(id)
            return
        self._routes.rows[id] = route
        self._routes_between.setdefault((route.source, route.destination), set()).add(id)

    def put_flow(self, id: int, flow: Flow | None) -> None:
        """Takes in a flow; None: it is gone."""
        old = self._flows.rows.get(id)
        if old is not None:
            _discard(self._flows_between, (old.source, old.destination), id)
        if flow is None:
            self._flows.remove(id)
            self._flow_samples.pop(id, None)
            return
        self._flows.rows[id] = flow
        self._flows_between.setdefault((flow.source, flow.destination), set()).add(id)

    def put_link_sample(self, sample: LinkSample) -> None:
        """Takes in a sample."""
        self._link_samples[sample.link, sample.node] = sample

    def put_flow_sample(self, sample: FlowSample) -> None:
        """Takes in a sample."""
        self._flow_samples[sample.flow] = sample


def _pair(a: int, b: int) -> Pair:
    return (a, b) if a <= b else (b, a)


def _discard(index: dict[T, set[int]], key: T, id: int) -> None:
    ids = index.get(key)
    if ids is not None:
        ids.discard(id)
        if not ids:
            del index[key]
