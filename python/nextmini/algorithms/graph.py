"""A network as a graph, and its shortest paths.

Dijkstra's algorithm (E. W. Dijkstra, 1959; rustworkx's implementation) gives the distances from a source,
once for all the destinations that are asked for with it; each path is then read backwards from its
destination. Among paths of equal cost the one through the node with the smallest id is taken, last node
first, so that the same network gives the same paths.
"""

from __future__ import annotations

from copy import copy
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Self, cast

import rustworkx

if TYPE_CHECKING:
    from collections.abc import Iterable

    Distances = rustworkx.PathLengthMapping

Pair = tuple[int, int]
Path = tuple[int, ...]


def pair_of(a: int, b: int) -> Pair:
    """The two nodes in a fixed order: links have no direction."""
    return (a, b) if a <= b else (b, a)


def steps_of(path: Path) -> list[Pair]:
    """The pairs of nodes whose links a path crosses."""
    return [pair_of(*step) for step in pairwise(path)]


class Graph:
    """The network as it is at one moment; safe to use from another thread, since nothing changes it."""

    def __init__(self, nodes: Iterable[int], links: Iterable[tuple[int, int, float]]) -> None:
        """`links` are (node, node, cost), usable both ways; those to unknown nodes are left out."""
        self._graph: rustworkx.PyGraph[int, float] = rustworkx.PyGraph(multigraph=False)
        self._ids = sorted(nodes)
        indices = self._graph.add_nodes_from(self._ids)
        self._indices = dict(zip(self._ids, indices, strict=True))
        costs: dict[Pair, float] = {}
        for a, b, cost in links:
            if a in self._indices and b in self._indices and a != b and isfinite(cost) and cost > 0:
                key = (min(a, b), max(a, b))
                costs[key] = min(cost, costs.get(key, cost))
        edges = [(self._indices[a], self._indices[b], cost) for (a, b), cost in sorted(costs.items())]
        self._graph.add_edges_from(edges)
        # rustworkx makes a new map of a node's neighbours at each call: too slow for every hop of every path.
        self._neighbours: list[list[tuple[int, float]]] = [[] for _ in indices]
        for a, b, cost in edges:
            self._neighbours[a].append((b, cost))
            self._neighbours[b].append((a, cost))

    def shortest_paths(self, pairs: Iterable[Pair]) -> dict[Pair, Path | None]:
        """The cheapest path of each pair; None where there is none."""
        by_source: dict[int, list[int]] = {}
        for source, destination in pairs:
            by_source.setdefault(source, []).append(destination)
        found: dict[Pair, Path | None] = {}
        for source, destinations in by_source.items():
            for destination, path in self._paths_from(source, destinations).items():
                found[source, destination] = path
        return found

    def shortest_path(self, source: int, destination: int) -> Path | None:
        """The cheapest path of one pair; None where there is none."""
        return self._paths_from(source, [destination])[destination]

    def cost_of(self, path: Path) -> float:
        """What a path over links of this network costs."""
        indices = [self._indices[node] for node in path]
        return sum(self._graph.get_edge_data(*step) for step in pairwise(indices))

    def without(self, nodes: Iterable[int], steps: Iterable[Pair]) -> Self:
        """The network without these nodes, and without the links between these pairs of nodes."""
        less = copy(self)
        less._graph = self._graph.copy()
        less._neighbours = list(self._neighbours)
        for a, b in steps:
            one, two = self._indices.get(a), self._indices.get(b)
            if one is None or two is None or not less._graph.has_edge(one, two):
                continue
            less._graph.remove_edge(one, two)
            for end, other in ((one, two), (two, one)):
                # A new list: the old one is part of the whole network.
                less._neighbours[end] = [step for step in less._neighbours[end] if step[0] != other]
        gone = frozenset(nodes) & self._indices.keys()
        less._indices = {id: index for id, index in self._indices.items() if id not in gone}
        # Other nodes have these among their neighbours still; no search gets there.
        less._graph.remove_nodes_from([self._indices[id] for id in gone])
        return less

    def bridges(self) -> frozenset[Pair]:
        """The links without which some nodes could not reach others, by their ends in order."""
        # Its type stub says that these are tuples of one number.
        edges = cast("set[Pair]", rustworkx.bridges(self._graph))
        found = ((self._ids[a], self._ids[b]) for a, b in edges)
        return frozenset((min(ends), max(ends)) for ends in found)

    def _paths_from(self, source: int, destinations: list[int]) -> dict[int, Path | None]:
        start = self._indices.get(source)
        if start is None:
            return dict.fromkeys(destinations)
        distances = rustworkx.dijkstra_shortest_path_lengths(self._graph, start, float)
        return {
            destination: self._path_back(start, self._indices.get(destination), distances)
            for destination in destinations
        }

    def _path_back(self, start: int, end: int | None, distances: Distances) -> Path | None:
        if end is None or start == end or end not in distances:
            return None
        path = [end]
        left = distances[end]
        while path[-1] != start:
            step = self._predecessor(path[-1], left, start, distances)
            if step is None:
                # Costs so far apart that a sum equals one of its terms: the distances do not show the way.
                return self._searched(start, end)
            path.append(step[0])
            left = step[1]
        return tuple(self._ids[index] for index in reversed(path))

    def _searched(self, start: int, end: int) -> Path:
        """As `_path_back`, by a search that keeps whole paths: exact, but slow where paths are long."""
        paths = rustworkx.dijkstra_shortest_paths(self._graph, start, target=end, weight_fn=float)
        return tuple(self._ids[index] for index in paths[end])

    def _predecessor(
        self, node: int, left: float, start: int, distances: Distances
    ) -> tuple[int, float] | None:
        """The neighbour with the smallest id on a cheapest path to `node`, and its own distance."""
        best: tuple[int, float] | None = None
        for neighbour, cost in self._neighbours[node]:
            if neighbour != start and neighbour not in distances:
                continue
            before = 0.0 if neighbour == start else distances[neighbour]
            # The same sum as the search made, so equal to the last bit on a cheapest path.
            if before < left and before + cost == left and (best is None or neighbour < best[0]):
                best = (neighbour, before)
        return best
