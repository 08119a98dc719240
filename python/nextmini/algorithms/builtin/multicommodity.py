"""Routes and weights by maximum concurrent multi-commodity flow.

The traffic that is asked for is spread so that as large a share of all of it as possible fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from nextmini.algorithms.builtin.routing import RoutingAlgorithm
from nextmini.algorithms.concurrent import concurrent_flow
from nextmini.algorithms.costs import FASTEST_RATE, working_graph
from nextmini.errors import DecisionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.algorithms.graph import Pair, Path
    from nextmini.algorithms.network import Network

FINEST = 100
"""Weights of a pair's paths are hundredths of its traffic."""


class Multicommodity(RoutingAlgorithm):
    """Weighted routes for each pair by a linear program over all demands, solved by HiGHS (scipy).

    Demands are flows': what those of a pair are to send together. Pairs without demands (answers) get routes
    as if they had a little.
    """

    class Parameters(RoutingAlgorithm.Parameters):
        """What a demand is."""

        demand: Literal["rate", "equal"] = Field(
            default="equal",
            description='"rate": the rates of a pair\'s flows together; "equal": the same for each flow.',
        )

    parameters: Parameters

    def choose(self, network: Network, pairs: list[Pair]) -> Mapping[Pair, Mapping[Path, int]]:
        """The paths of each pair, with hundredths of its traffic."""
        if not pairs:
            return {}
        demands = self.demands(network)
        least = min((demand for demand in demands.values()), default=1.0) * 1e-3
        reached = working_graph(network, "hops").shortest_paths(pairs)
        wanted = {pair: demands.get(pair, least) for pair, path in reached.items() if path is not None}
        best = concurrent_flow(capacities(network), wanted)
        return {pair: _weights(paths) for pair, paths in best.paths.items()}

    def demands(self, network: Network) -> dict[Pair, float]:
        """Of each pair with flows, in bit/s, or in flows. Raises DecisionError if one has no rate."""
        demands: dict[Pair, float] = {}
        for flow in network.flows.values():
            if flow.ended:
                continue
            if self.parameters.demand == "rate" and flow.rate is None:
                raise DecisionError(
                    f"flow {flow.name} has no rate, so its demand is not known",
                    'give it one, or say demand = "equal"',
                )
            pair = (flow.source, flow.destination)
            demand = float(flow.rate or 0) if self.parameters.demand == "rate" else 1.0
            demands[pair] = demands.get(pair, 0.0) + demand
        return demands


def capacities(network: Network) -> dict[Pair, float]:
    """Of each direction that works, (from, to), in bit/s."""
    found: dict[Pair, float] = {}
    for link in network.links.values():
        if link.up:
            found[link.a, link.b] = link.forward.rate or FASTEST_RATE
            found[link.b, link.a] = link.backward.rate or FASTEST_RATE
    return found


def _weights(paths: Mapping[Path, float]) -> dict[Path, int]:
    """Whole hundredths; a path with less than half of one is left out."""
    rounded = {path: round(share * FINEST) for path, share in paths.items()}
    return {path: weight for path, weight in rounded.items() if weight > 0}
