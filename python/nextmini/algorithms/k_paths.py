"""The k shortest paths of a pair without loops (J. Y. Yen, 1971), and those of them that cost the same."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from nextmini.algorithms.graph import pair_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.algorithms.graph import Graph, Pair, Path

TOLERANCE = 1e-9
"""Costs are sums of fractions: those that differ by less than this share are the same."""


def k_shortest_paths(graph: Graph, source: int, destination: int, k: int) -> list[Path]:
    """At most `k` paths, cheapest first; those that cost the same are always in the same order."""
    found: list[Path] = []
    for _, path in _by_cost(graph, source, destination):
        found.append(path)
        if len(found) >= k:
            break
    return found


def equal_cost_paths(graph: Graph, source: int, destination: int, most: int) -> list[Path]:
    """The cheapest paths, as far as they cost the same; at most `most` of them."""
    found: list[Path] = []
    least = 0.0
    for cost, path in _by_cost(graph, source, destination):
        least = cost if not found else least
        if len(found) >= most or cost > least * (1 + TOLERANCE):
            break
        found.append(path)
    return found


def _by_cost(graph: Graph, source: int, destination: int) -> Iterator[tuple[float, Path]]:
    """All paths without loops, one after the other, in the order of their cost."""
    first = graph.shortest_path(source, destination)
    if first is None:
        return
    candidates: list[tuple[float, Path]] = [(graph.cost_of(first), first)]
    known = {first}
    taken: list[Path] = []
    while candidates:
        cost, path = heappop(candidates)
        yield cost, path
        taken.append(path)
        for other in _deviations(graph, path, taken):
            if other not in known:
                known.add(other)
                heappush(candidates, (graph.cost_of(other), other))


def _deviations(graph: Graph, path: Path, taken: list[Path]) -> Iterator[Path]:
    """For each node of `path`, the cheapest way on from there that none of the paths in `taken` goes."""
    for position in range(len(path) - 1):
        root = path[: position + 1]
        steps: set[Pair] = {
            pair_of(other[position], other[position + 1])
            for other in taken
            if len(other) > position + 1 and other[: position + 1] == root
        }
        rest = graph.without(root[:-1], steps).shortest_path(path[position], path[-1])
        if rest is not None:
            yield (*root[:-1], *rest)
