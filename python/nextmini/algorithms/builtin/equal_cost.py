"""Equal-cost multipath: flows are spread over all paths that are equally cheap (RFC 2992)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from nextmini.algorithms.builtin.shortest_path import ShortestPath
from nextmini.algorithms.costs import working_graph
from nextmini.algorithms.k_paths import equal_cost_paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.algorithms.graph import Pair, Path
    from nextmini.algorithms.network import Network


class EqualCost(ShortestPath):
    """A route for each of the cheapest paths of a pair, all with the same weight."""

    class Parameters(ShortestPath.Parameters):
        """How many."""

        most: int = Field(default=16, ge=1, le=256, description="Paths of a pair, at most.")

    parameters: Parameters

    def choose(self, network: Network, pairs: list[Pair]) -> Mapping[Pair, Mapping[Path, int]]:
        """The cheapest paths of each pair."""
        graph = working_graph(network, self.parameters.metric)
        return {
            pair: dict.fromkeys(equal_cost_paths(graph, *pair, self.parameters.most), 1) for pair in pairs
        }
