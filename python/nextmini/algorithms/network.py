"""The network in a hook: what there is, and what is to be.

A change is checked and seen at once, and written with all others when the hooks of a wake-up have returned.
What would change nothing is no change.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nextmini.algorithms.decision import Decision, NewFlow, NewRoute, NewSettings
from nextmini.algorithms.directions import changed_direction
from nextmini.algorithms.rows import Flow, Link, Node, Route
from nextmini.algorithms.view import View
from nextmini.errors import DecisionError
from nextmini.scenario.network import PACKET_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_WEIGHT = 65_535
_MOST_RATE = 2**63 - 1
_KINDS = ("lossless", "udp", "icmp", "tcp")


class Network(View):
    """What there is (see View), and changes of it. Each takes a row, or its number.

    Every change raises DecisionError if it is not possible, with the row and the reason; then nothing of it
    is recorded.
    """

    def __init__(self, interval: float = 1.0, origin: str = "algorithm") -> None:
        """`origin` is that of new routes."""
        super().__init__(interval)
        self._origin = origin
        self._decision = Decision()
        self._new = 0

    # Routes.

    def add_route(self, path: Sequence[int], weight: int = 1) -> Route:
        """A new route. It has a number below zero, by which it is known here for as long as it is there."""
        nodes = self._path(path)
        route = Route(self._number(), nodes, _weight(weight, f"route {self._shown(nodes)}"), self._origin)
        self.put_route(route.id, route)
        self._decision.new_routes[route.id] = NewRoute(route.path, route.weight)
        return route

    def set_path(self, route: Route | int, path: Sequence[int]) -> Route:
        """Another path for a route, between the same ends."""
        row, nodes = self._route(route), self._path(path)
        if (nodes[0], nodes[-1]) != (row.source, row.destination):
            raise DecisionError(
                f"route {row.id} ({self._shown(row.path)}) cannot be {self._shown(nodes)}: it has other ends",
                "add a route for them",
            )
        if nodes == row.path:
            return row
        row = replace(row, path=nodes, status="pending")
        self.put_route(row.id, row)
        if row.id in self._decision.new_routes:
            self._decision.new_routes[row.id] = NewRoute(row.path, row.weight)
        else:
            self._decision.paths[row.id] = nodes
        return row

    def set_weight(self, route: Route | int, weight: int) -> Route:
        """Another weight, from 1 to 65535, for a route: its share of the pair's flows."""
        row = self._route(route)
        _weight(weight, f"route {row.id}")
        if weight == row.weight:
            return row
        row = replace(row, weight=weight)
        self.put_route(row.id, row)
        if row.id in self._decision.new_routes:
            self._decision.new_routes[row.id] = NewRoute(row.path, row.weight)
        else:
            self._decision.route_weights[row.id] = weight
        return row

    def remove_route(self, route: Route | int) -> None:
        """Takes a route away, and the pins of flows to it."""
        row = self._route(route)
        self._decision.forget_route(row.id)
        for flow in self.flows_between(row.source, row.destination):
            if flow.pinned == row.id:
                self.unpin(flow)
        self.put_route(row.id, None)
        if row.id > 0:
            self._decision.removed_routes.add(row.id)

    # Flows.

    def pin(self, flow: Flow | int, route: Route | int) -> None:
        """The flow must take this route, whatever the weights say."""
        row, to = self._flow(flow), self._route(route)
        if (to.source, to.destination) != (row.source, row.destination):
            raise DecisionError(
                f"flow {row.name} cannot be pinned to route {to.id} ({self._shown(to.path)}): it goes from "
                f"{self._name(row.source)} to {self._name(row.destination)}"
            )
        if row.pinned != to.id:
            self.put_flow(row.id, replace(row, pinned=to.id))
            self._decision.pins[row.id] = to.id

    def unpin(self, flow: Flow | int) -> None:
        """The flow may take any route of its pair."""
        row = self._flow(flow)
        if row.pinned is not None:
            self.put_flow(row.id, replace(row, pinned=None))
            self._decision.pins[row.id] = None

    def set_rate(self, flow: Flow | int, bits_per_second: float | None) -> None:
        """The most that a flow sends, in whole bit/s; None: as much as it can."""
        row = self._flow(flow)
        rate = None
        if bits_per_second is None and row.kind in PACKET_KINDS:
            raise DecisionError(f"flow {row.name}: a flow of kind {row.kind} has a rate", "say one")
        if bits_per_second is not None:
            where = f"flow {row.name}"
            if not math.isfinite(bits_per_second) or not 1 <= round(bits_per_second) <= _MOST_RATE:
                raise DecisionError(f"{where} cannot send {bits_per_second} bit/s", "say 1 bit/s or more")
            rate = round(bits_per_second)
        if rate != row.rate:
            self.put_flow(row.id, replace(row, rate=rate))
            self._change_flow(row.id, self._decision.rates, rate, "rate")

    def set_flow_weight(self, flow: Flow | int, weight: int) -> None:
        """The flow's weight, from 1 to 65535, where queues are served by weight."""
        row = self._flow(flow)
        _weight(weight, f"flow {row.name}")
        if weight != row.weight:
            self.put_flow(row.id, replace(row, weight=weight))
            self._change_flow(row.id, self._decision.flow_weights, weight, "weight")

    def add_flow(
        self,
        name: str,
        source: Node | int,
        destination: Node | int,
        *,
        kind: str = "lossless",
        size: int | None = None,
        duration: float | None = None,
        rate: int | None = None,
        weight: int = 1,
    ) -> Flow:
        """A new flow, which begins at once; `size` in bytes, `duration` in seconds, `rate` in bit/s."""
        ends = self._node(source).id, self._node(destination).id
        where = f"flow {name}"
        if not name or any(flow.name == name for flow in self.flows.values()):
            raise DecisionError(f"there can be no further flow called {name!r}", "give it another name")
        if ends[0] == ends[1]:
            raise DecisionError(f"{where} cannot go from {self._name(ends[0])} to itself")
        if kind not in _KINDS:
            raise DecisionError(f"{where}: there is no kind {kind!r}", f"say one of {', '.join(_KINDS)}")
        if rate is None and kind in PACKET_KINDS:
            raise DecisionError(f"{where}: a flow of kind {kind} has a rate", "say one")
        for what, amount in (("size", size), ("duration", duration), ("rate", rate)):
            if amount is not None and not (math.isfinite(amount) and amount > 0):
                raise DecisionError(
                    f"{where} cannot have a {what} of {amount}", "say more than 0, or nothing"
                )
        _weight(weight, where)
        flow = Flow(self._number(), name, *ends, kind, size=size, duration=duration, rate=rate, weight=weight)
        self.put_flow(flow.id, flow)
        self._decision.new_flows[flow.id] = NewFlow(name, *ends, kind, size, duration, rate, weight)
        return flow

    def remove_flow(self, flow: Flow | int) -> None:
        """Takes a flow away: its source stops."""
        row = self._flow(flow)
        self.put_flow(row.id, None)
        self._decision.forget_flow(row.id)
        if row.id > 0:
            self._decision.removed_flows.add(row.id)

    # Links.

    def set_cost(self, link: Link | int, cost: float) -> None:
        """What a link costs the shortest paths that Nextmini computes."""
        row = self._link(link)
        if not (math.isfinite(cost) and cost > 0):
            raise DecisionError(f"{self._ends(row)} cannot cost {cost}", "say a number above 0")
        if cost != row.cost:
            self.put_link(row.id, replace(row, cost=float(cost)))
            self._decision.costs[row.id] = float(cost)

    def set_link(
        self,
        link: Link | int,
        from_node: Node | int | None = None,
        *,
        up: bool | None = None,
        **settings: Any,
    ) -> None:
        """Settings of a link in the words of a scenario, as in rate="10 Mbit/s"; None takes one away.

        Of the direction in which `from_node` sends; of both if that is None. `up` is of the whole link.
        """
        row = self._link(link)
        node = None if from_node is None else self._node(from_node).id
        if node not in (None, row.a, row.b):
            raise DecisionError(f"{self._name(node or 0)} is no end of {self._ends(row)}")
        said: dict[str, Mapping[str, Any]] = {"forward": {}, "backward": {}}
        new = row
        for way, sender in (("forward", row.a), ("backward", row.b)):
            before = row.forward if way == "forward" else row.backward
            if not settings or node not in (None, sender):
                continue
            after = changed_direction(before, settings, row.mtu, f"{self._ends(row)}: {way}")
            if after != before:
                said[way] = settings
                new = replace(new, forward=after) if way == "forward" else replace(new, backward=after)
        if up is not None and up != row.enabled:
            new = replace(new, up=up, enabled=up)
        if new != row:
            self.put_link(row.id, new)
            known = self._decision.links.get(row.id, NewSettings())
            self._decision.links[row.id] = NewSettings(
                up=known.up if up is None else up,
                forward={**known.forward, **said["forward"]},
                backward={**known.backward, **said["backward"]},
            )

    # For who writes it.

    def take(self) -> Decision:
        """What was recorded since the last time."""
        taken, self._decision = self._decision, Decision()
        return taken

    def committed(self, routes: Mapping[int, int], flows: Mapping[int, int]) -> None:
        """New rows were written, and have these numbers now (by those below zero).

        One that is not named here could not be any more, since what it needs was removed meanwhile.
        """
        for old, number in flows.items():
            flow = self._flows.rows[old]
            self.put_flow(old, None)
            self.put_flow(number, replace(flow, id=number))
            self._flows.rename(old, number)
        for old, number in routes.items():
            route = self._routes.rows[old]
            self.put_route(old, None)
            self.put_route(number, replace(route, id=number))
            self._routes.rename(old, number)
            for flow in self.flows_between(route.source, route.destination):
                if flow.pinned == old:
                    self.put_flow(flow.id, replace(flow, pinned=number))

    # Rows by what a hook calls them.

    def _number(self) -> int:
        self._new -= 1
        return self._new

    def _change_flow(self, id: int, changes: dict[int, Any], value: Any, key: str) -> None:
        new = self._decision.new_flows.get(id)
        if new is None:
            changes[id] = value
        else:
            self._decision.new_flows[id] = replace(new, **{key: value})

    def _node(self, node: Node | int) -> Node:
        id = node.id if isinstance(node, Node) else node
        if id not in self.nodes:
            raise DecisionError(f"there is no node {id}")
        return self.nodes[id]

    def _link(self, link: Link | int) -> Link:
        id = link.id if isinstance(link, Link) else link
        if id not in self.links:
            raise DecisionError(f"there is no link {id}")
        return self.links[id]

    def _route(self, route: Route | int) -> Route:
        id = route.id if isinstance(route, Route) else route
        if id not in self.routes:
            raise DecisionError(f"there is no route {id}")
        return self.routes[id]

    def _flow(self, flow: Flow | int) -> Flow:
        id = flow.id if isinstance(flow, Flow) else flow
        if id not in self.flows:
            raise DecisionError(f"there is no flow {id}")
        return self.flows[id]

    def _path(self, path: Sequence[int]) -> tuple[int, ...]:
        nodes = tuple(path)
        if len(nodes) < 2:
            raise DecisionError(f"a path of {len(nodes)} nodes is not possible", "give two or more")
        for node in nodes:
            if node not in self.nodes:
                raise DecisionError(f"a path cannot have node {node}: there is none")
        shown = self._shown(nodes)
        if len(set(nodes)) < len(nodes):
            raise DecisionError(f"path {shown} comes to a node twice", "give a path without a loop")
        for a, b in pairwise(nodes):
            if self.link_between(a, b) is None:
                raise DecisionError(
                    f"path {shown}: there is no link between {self._name(a)} and {self._name(b)}"
                )
        return nodes

    def _name(self, node: int) -> str:
        return self.nodes[node].name if node in self.nodes else f"node {node}"

    def _shown(self, path: Sequence[int]) -> str:
        return " ".join(map(self._name, path))

    def _ends(self, link: Link) -> str:
        return f"link {self._name(link.a)} - {self._name(link.b)}"


def _weight(weight: int, where: str) -> int:
    if isinstance(weight, bool) or not isinstance(weight, int) or not 1 <= weight <= MOST_WEIGHT:
        raise DecisionError(
            f"{where} cannot have the weight {weight!r}", f"give a whole number from 1 to {MOST_WEIGHT}"
        )
    return weight
