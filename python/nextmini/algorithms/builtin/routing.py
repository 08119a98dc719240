"""What all algorithms that choose routes have in common: for which pairs, when, and how rows follow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from nextmini.algorithms.api import Algorithm
from nextmini.errors import DecisionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nextmini.algorithms.graph import Pair, Path
    from nextmini.algorithms.network import Network
    from nextmini.algorithms.rows import Flow, TopologyChange

MOST_PAIRS = 40_000
"""Of all nodes, when an algorithm is to serve them all: rows beyond that are of no use to anybody."""


class RoutingAlgorithm(Algorithm, ABC):
    """Keeps the routes of pairs of nodes as `choose` says, whenever the topology or the pairs change.

    Pairs with routes of the scenario are left alone. A pair that has no path now keeps the routes it has.
    """

    class Parameters(Algorithm.Parameters):
        """For which pairs."""

        pairs: Literal["flows", "all"] = Field(
            default="flows",
            description='Pairs of nodes that get routes: "flows" are those of flows, both ways; "all" all '
            f"of them, {MOST_PAIRS} at most.",
        )

    parameters: Parameters

    @abstractmethod
    def choose(self, network: Network, pairs: list[Pair]) -> Mapping[Pair, Mapping[Path, int]]:
        """The paths of each pair with their weights, each 1 or more."""

    def on_start(self, network: Network) -> None:
        """Serves every pair."""
        self.serve(network, self.pairs(network))

    def on_topology_change(self, network: Network, change: TopologyChange) -> None:
        """Serves every pair anew."""
        self.serve(network, self.pairs(network))

    def on_flow_started(self, network: Network, flow: Flow) -> None:
        """Serves the flow's pair, if it is a new one."""
        pairs = [(flow.source, flow.destination), (flow.destination, flow.source)]
        new = [pair for pair in pairs if not any(self._own(network, pair))]
        if new and self.parameters.pairs == "flows":
            self.serve(network, new)

    def pairs(self, network: Network) -> list[Pair]:
        """The pairs to serve, in order. Raises DecisionError if there are too many."""
        if self.parameters.pairs == "flows":
            flows = [flow for flow in network.flows.values() if not flow.ended]
            ends = {(flow.source, flow.destination) for flow in flows}
            return sorted(ends | {(b, a) for a, b in ends})
        nodes = sorted(network.nodes)
        if len(nodes) * (len(nodes) - 1) > MOST_PAIRS:
            raise DecisionError(
                f"routes between all of {len(nodes)} nodes are more than {MOST_PAIRS}", 'say pairs = "flows"'
            )
        return [(a, b) for a in nodes for b in nodes if a != b]

    def serve(self, network: Network, pairs: list[Pair]) -> None:
        """Gives these pairs the routes that are chosen for them."""
        free = [pair for pair in pairs if not _of_scenario(network, pair)]
        for pair, wanted in self.choose(network, free).items():
            if wanted:
                assign(network, pair, wanted)

    def _own(self, network: Network, pair: Pair) -> Iterable[bool]:
        return (route.origin.startswith("algorithm") for route in network.routes_between(*pair))


def assign(network: Network, pair: Pair, wanted: Mapping[Path, int]) -> None:
    """Makes the routes of a pair what is wanted, path by path with its weight.

    A route whose path is not wanted gets another one rather than being removed, so that its flows move and
    need not choose again.
    """
    missing = dict(wanted)
    spare = []
    for route in network.routes_between(*pair):
        weight = missing.pop(route.path, None)
        if weight is None:
            spare.append(route)
        else:
            network.set_weight(route, weight)
    for path, weight in missing.items():
        if spare:
            network.set_weight(network.set_path(spare.pop(0), path), weight)
        else:
            network.add_route(path, weight)
    for route in spare:
        network.remove_route(route)


def _of_scenario(network: Network, pair: Pair) -> bool:
    return any(route.origin == "scenario" for route in network.routes_between(*pair))
