"""The k shortest paths of each pair (J. Y. Yen, 1971), weighted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from nextmini.algorithms.builtin.shortest_path import ShortestPath
from nextmini.algorithms.costs import working_graph
from nextmini.algorithms.k_paths import k_shortest_paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.algorithms.graph import Graph, Pair, Path
    from nextmini.algorithms.network import Network

FINEST = 100
"""The weight of the cheapest path, where weights follow costs."""


class KShortest(ShortestPath):
    """Routes over the k cheapest paths of a pair, which share its flows equally or by what they cost."""

    class Parameters(ShortestPath.Parameters):
        """How many, and how they share."""

        k: int = Field(default=4, ge=1, le=64, description="Paths of a pair, at most.")
        weights: Literal["equal", "inverse_cost"] = Field(
            default="equal",
            description='Shares of the pair\'s flows: "inverse_cost" gives a path that costs twice as much '
            "half as many.",
        )

    parameters: Parameters

    def choose(self, network: Network, pairs: list[Pair]) -> Mapping[Pair, Mapping[Path, int]]:
        """The cheapest paths of each pair."""
        graph = working_graph(network, self.parameters.metric)
        return {
            pair: self._weighted(graph, k_shortest_paths(graph, *pair, self.parameters.k)) for pair in pairs
        }

    def _weighted(self, graph: Graph, paths: list[Path]) -> dict[Path, int]:
        if self.parameters.weights == "equal" or not paths:
            return dict.fromkeys(paths, 1)
        least = graph.cost_of(paths[0])
        return {path: max(1, round(FINEST * least / graph.cost_of(path))) for path in paths}
