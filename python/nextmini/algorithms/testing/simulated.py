"""A network that is not there, and an algorithm that works on it: what a test says, happens at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nextmini.algorithms.directions import direction_row
from nextmini.algorithms.network import Network
from nextmini.algorithms.rows import Flow, FlowSample, Link, LinkSample, Node, TopologyChange
from nextmini.scenario.changing import direction_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nextmini.algorithms.api import Algorithm
    from nextmini.algorithms.decision import Decision


class SimulatedNetwork:
    """One algorithm on one network. Each method that says that something happens returns what was decided.

    Nodes are called as they are given; links are pairs of names. `settings` are of both directions of every
    link, in the words of a scenario. `interval` is between two samples, in s.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        nodes: Iterable[str],
        links: Iterable[tuple[str, str]],
        settings: Mapping[str, Any] | None = None,
        interval: float = 0.1,
    ) -> None:
        self.network = Network(interval, "algorithm:test")
        self.decisions: list[Decision] = []
        """All that were made, in their order."""
        self._algorithm = algorithm
        self._direction = direction_row(direction_of(dict(settings or {})))
        self._number = 0
        self._rung = 0.0
        for name in nodes:
            number = len(self.network.nodes) + 1
            self.network.put_node(number, Node(number, name, f"10.0.0.{number}"))
        for ends in links:
            self._put_link(*ends)

    # What happens.

    def start(self) -> Decision:
        """The algorithm begins."""
        self._algorithm.on_start(self.network)
        return self._commit()

    def start_flow(self, name: str, source: str, destination: str, **facts: Any) -> Decision:
        """A flow begins; `facts` are further fields of a Flow."""
        number = self._new_number()
        flow = Flow(number, name, self.node(source), self.node(destination), status="running", **facts)
        self.network.put_flow(number, flow)
        self._algorithm.on_flow_started(self.network, flow)
        return self._commit()

    def finish_flow(self, name: str, status: str = "completed") -> Decision:
        """A flow ends."""
        flow = replace(self.flow(name), status=status)
        self.network.put_flow(flow.id, flow)
        self._algorithm.on_flow_finished(self.network, flow)
        return self._commit()

    def remove_flow(self, name: str) -> Decision:
        """Somebody takes a flow away that runs."""
        flow = self.flow(name)
        self.network.put_flow(flow.id, None)
        self._algorithm.on_flow_finished(self.network, replace(flow, status="stopped"))
        return self._commit()

    def tell_finished(self, flow: Flow) -> Decision:
        """Tells of the end of a flow, which need not be there."""
        self._algorithm.on_flow_finished(self.network, flow)
        return self._commit()

    def take_link_down(self, a: str, b: str) -> Decision:
        """A link fails."""
        return self._set_up(a, b, False)

    def bring_link_up(self, a: str, b: str) -> Decision:
        """A link works again."""
        return self._set_up(a, b, True)

    def take_node_down(self, name: str) -> Decision:
        """A node fails, and its links with it."""
        node = self.network.nodes[self.node(name)]
        self.network.put_node(node.id, replace(node, up=False))
        links = [link for link in self.network.links_at(node.id) if link.up]
        for link in links:
            self.network.put_link(link.id, replace(link, up=False))
        down = frozenset(link.id for link in links)
        return self.change(TopologyChange(nodes_down=frozenset({node.id}), links_down=down))

    def add_link(self, a: str, b: str) -> Decision:
        """Somebody adds a link."""
        return self.change(TopologyChange(links_added=frozenset({self._put_link(a, b)})))

    def remove_link(self, a: str, b: str) -> Decision:
        """Somebody takes a link away."""
        link = self.link(a, b)
        self.network.put_link(link.id, None)
        return self.change(TopologyChange(links_removed=frozenset({link.id})))

    def change(self, change: TopologyChange) -> Decision:
        """Tells of a change that the network has already."""
        self._algorithm.on_topology_change(self.network, change)
        return self._commit()

    def measure_links(self, rates: Mapping[tuple[str, str], float]) -> Decision:
        """An interval passes in which nodes sent so many bit/s, by (sending node, other node)."""
        network = self.network
        network.time += network.interval
        samples = [self._link_sample(a, b, rate) for (a, b), rate in rates.items()]
        return self.tell_links(samples)

    def tell_links(self, samples: Iterable[LinkSample]) -> Decision:
        """Samples come, of whatever they are."""
        told = tuple(samples)
        for sample in told:
            if sample.link in self.network.links:
                self.network.put_link_sample(sample)
        self._algorithm.on_link_metrics(self.network, told)
        return self._commit()

    def measure_flows(self, rates: Mapping[str, float]) -> Decision:
        """So many bit/s of each flow were acknowledged in an interval, by its name."""
        interval, now = self.network.interval, self.network.time
        moved = {self.flow(name).id: round(rate * interval / 8) for name, rate in rates.items()}
        samples = [
            FlowSample(id, now, interval, sent, sent, srtt=0.01, window=65_536) for id, sent in moved.items()
        ]
        return self.tell_flows(samples)

    def tell_flows(self, samples: Iterable[FlowSample]) -> Decision:
        """Samples come, of whatever they are."""
        told = tuple(samples)
        for sample in told:
            if sample.flow in self.network.flows:
                self.network.put_flow_sample(sample)
        self._algorithm.on_flow_metrics(self.network, told)
        return self._commit()

    def ring(self) -> Decision:
        """Time passes until the timer rings; nothing happens if there is none."""
        period = self._algorithm.timer
        if period is not None:
            self._rung += period
            self.network.time = max(self.network.time, self._rung)
            self._algorithm.on_timer(self.network)
        return self._commit()

    # What there is.

    def node(self, name: str) -> int:
        """The number of a node. Raises KeyError."""
        return self.network.node_named(name).id

    def link(self, a: str, b: str) -> Link:
        """The link between two nodes. Raises KeyError."""
        found = self.network.link_between(self.node(a), self.node(b))
        if found is None:
            raise KeyError((a, b))
        return found

    def flow(self, name: str) -> Flow:
        """The flow of this name. Raises KeyError."""
        for flow in self.network.flows.values():
            if flow.name == name:
                return flow
        raise KeyError(name)

    def paths(self, source: str, destination: str) -> list[list[str]]:
        """The paths of the routes between two nodes, as names."""
        routes = self.network.routes_between(self.node(source), self.node(destination))
        return [[self.network.nodes[node].name for node in route.path] for route in routes]

    def _set_up(self, a: str, b: str, up: bool) -> Decision:
        link = self.link(a, b)
        self.network.put_link(link.id, replace(link, up=up))
        changed = frozenset({link.id})
        return self.change(TopologyChange(links_up=changed) if up else TopologyChange(links_down=changed))

    def _put_link(self, a: str, b: str) -> int:
        number = self._new_number()
        ends = self.node(a), self.node(b)
        self.network.put_link(number, Link(number, *ends, forward=self._direction, backward=self._direction))
        return number

    def _link_sample(self, a: str, b: str, rate: float) -> LinkSample:
        network = self.network
        sent = round(rate * network.interval / 8)
        return LinkSample(
            self.link(a, b).id, self.node(a), network.time, network.interval, sent, -(-sent // 1500)
        )

    def _new_number(self) -> int:
        self._number += 1
        return self._number

    def _commit(self) -> Decision:
        """What was decided is in force at once."""
        decision = self.network.take()
        routes = {old: self._new_number() for old in decision.new_routes}
        flows = {old: self._new_number() for old in decision.new_flows}
        self.network.committed(routes, flows)
        for route in list(self.network.routes.values()):
            status = "installed" if self.network.works(route) else "rejected"
            self.network.put_route(route.id, replace(route, status=status))
        self.decisions.append(decision)
        return decision
