"""Shortest paths (E. W. Dijkstra, 1959) by a metric of choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from nextmini.algorithms.builtin.routing import RoutingAlgorithm
from nextmini.algorithms.costs import working_graph
from nextmini.scenario.network import Metric  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.algorithms.graph import Pair, Path
    from nextmini.algorithms.network import Network


class ShortestPath(RoutingAlgorithm):
    """One route for each pair: the cheapest path over what works."""

    class Parameters(RoutingAlgorithm.Parameters):
        """By which metric."""

        metric: Metric = Field(
            default="cost",
            description="What makes a path short: the links' `cost`, how many they are, their delays, or the "
            "inverse of their rates (100 Mbit/s count 1).",
        )

    parameters: Parameters

    def choose(self, network: Network, pairs: list[Pair]) -> Mapping[Pair, Mapping[Path, int]]:
        """One path for each pair that has any."""
        found = working_graph(network, self.parameters.metric).shortest_paths(pairs)
        return {pair: {} if path is None else {path: 1} for pair, path in found.items()}
