"""Oblivious routing: Valiant load balancing, which needs to know nothing of the traffic.

Each flow goes to a node of its own first, and from there to its destination, so that no traffic matrix is
worse than another (L. G. Valiant, 1982; R. Zhang-Shen and N. McKeown, 2004).
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pydantic import Field

from nextmini.algorithms.builtin.shortest_path import ShortestPath
from nextmini.algorithms.costs import working_graph
from nextmini.algorithms.intermediate import two_phase_paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.algorithms.graph import Pair, Path
    from nextmini.algorithms.network import Network


class Valiant(ShortestPath):
    """Routes by way of other nodes, each with the same share of a pair's flows."""

    class Parameters(ShortestPath.Parameters):
        """By way of which nodes."""

        through: list[str] = Field(
            default=[], description="Names of the nodes that traffic goes by way of; all, if none is named."
        )
        most: int = Field(
            default=32,
            ge=1,
            le=1024,
            description="Nodes that a pair's traffic goes by way of, at most: drawn for each pair.",
        )
        seed: int = Field(default=1, ge=0, description="Of that draw.")

    parameters: Parameters

    def choose(self, network: Network, pairs: list[Pair]) -> Mapping[Pair, Mapping[Path, int]]:
        """The paths of each pair, weighted by how many intermediate nodes give them."""
        graph = working_graph(network, self.parameters.metric)
        named = set(self.parameters.through)
        nodes = sorted(
            node.id for node in network.nodes.values() if node.up and (not named or node.name in named)
        )
        chosen = {pair: self._drawn(pair, nodes) for pair in pairs}
        legs = {leg for pair, through in chosen.items() for leg in _legs(pair, through)}
        shortest = graph.shortest_paths(legs)
        return {
            pair: two_phase_paths(*pair, through, lambda a, b: shortest[a, b])
            for pair, through in chosen.items()
        }

    def _drawn(self, pair: Pair, nodes: list[int]) -> list[int]:
        if len(nodes) <= self.parameters.most:
            return nodes
        drawn = Random(f"{self.parameters.seed} {pair}").sample(nodes, self.parameters.most)  # noqa: S311 - no secret
        return sorted(drawn)


def _legs(pair: Pair, through: list[int]) -> set[Pair]:
    source, destination = pair
    legs = {(source, middle) for middle in through} | {(middle, destination) for middle in through}
    return {pair} | {(a, b) for a, b in legs if a != b}
