"""Fast reroute: other ways are found before they are needed (loop-free alternates, RFC 5286)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.algorithms.alternates import Alternates
from nextmini.algorithms.builtin.shortest_path import ShortestPath
from nextmini.algorithms.costs import cost_of
from nextmini.algorithms.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.algorithms.graph import Pair, Path
    from nextmini.algorithms.network import Network
    from nextmini.algorithms.rows import TopologyChange


class FastReroute(ShortestPath):
    """The cheapest path of each pair while it works, else the first of its alternates that does.

    Paths and alternates are those of the whole network, whether it works or not, and are found again only
    when nodes, links or costs are others. Where none works, a path is searched for over what is left.
    """

    def __init__(self, parameters: ShortestPath.Parameters | None = None) -> None:
        super().__init__(parameters)
        self._ways: dict[Pair, tuple[Path, ...]] = {}

    def on_topology_change(self, network: Network, change: TopologyChange) -> None:
        """Chooses anew, and finds anew where the network itself is another."""
        if (
            change.nodes_added
            or change.nodes_removed
            or change.links_added
            or change.links_removed
            or change.links_changed
        ):
            self._ways.clear()
        super().on_topology_change(network, change)

    def choose(self, network: Network, pairs: list[Pair]) -> Mapping[Pair, Mapping[Path, int]]:
        """One path for each pair that has any."""
        self._find(network, [pair for pair in pairs if pair not in self._ways])
        chosen: dict[Pair, Mapping[Path, int]] = {}
        lost = []
        for pair in pairs:
            path = next((way for way in self._ways[pair] if network.works(way)), None)
            if path is None:
                lost.append(pair)
            else:
                chosen[pair] = {path: 1}
        return {**chosen, **super().choose(network, lost)} if lost else chosen

    def _find(self, network: Network, pairs: list[Pair]) -> None:
        if not pairs:
            return
        links = [(link.a, link.b, cost_of(link, self.parameters.metric)) for link in network.links.values()]
        graph = Graph(network.nodes, links)
        alternates = Alternates(graph)
        for pair, path in graph.shortest_paths(pairs).items():
            self._ways[pair] = () if path is None else (path, *alternates.of(path))
