"""Shortest paths: as cheap as they can be, always the same, and none where there is none."""

from __future__ import annotations

from itertools import pairwise

import pytest
import rustworkx
from hypothesis import given
from hypothesis import strategies as st

from nextmini.algorithms.graph import Graph

COSTS = st.sampled_from([0.1, 0.5, 1.0, 1.0, 2.0, 7.25, 1e6])
LINKS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12), COSTS), max_size=40)


def cost_of(path: tuple[int, ...], links: list[tuple[int, int, float]]) -> float:
    cheapest: dict[frozenset[int], float] = {}
    for a, b, cost in links:
        key = frozenset((a, b))
        cheapest[key] = min(cost, cheapest.get(key, cost))
    return sum(cheapest[frozenset(step)] for step in pairwise(path))


@given(LINKS)
def test_a_path_is_as_cheap_as_the_distance_says(links: list[tuple[int, int, float]]) -> None:
    nodes = range(1, 13)
    peer: rustworkx.PyGraph[int, float] = rustworkx.PyGraph()
    index = dict(zip(nodes, peer.add_nodes_from(list(nodes)), strict=True))
    peer.add_edges_from([(index[a], index[b], cost) for a, b, cost in links if a != b])
    pairs = [(a, b) for a in nodes for b in nodes if a != b]
    found = Graph(nodes, links).shortest_paths(pairs)
    assert set(found) == set(pairs)
    for (source, destination), path in found.items():
        distances = rustworkx.dijkstra_shortest_path_lengths(peer, index[source], float)
        if path is None:
            assert index[destination] not in distances
        else:
            assert (path[0], path[-1]) == (source, destination)
            assert len(set(path)) == len(path)
            assert cost_of(path, links) == pytest.approx(distances[index[destination]])


def test_equal_costs_give_the_path_through_the_smallest_numbers() -> None:
    links = [(1, 3, 1.0), (3, 4, 1.0), (1, 2, 1.0), (2, 4, 1.0)]
    for order in (links, links[::-1]):
        assert Graph([4, 3, 2, 1], order).shortest_paths([(1, 4)]) == {(1, 4): (1, 2, 4)}


def test_of_parallel_links_the_cheapest_counts() -> None:
    graph = Graph([1, 2, 3], [(1, 2, 9.0), (2, 1, 1.0), (2, 3, 1.0), (1, 3, 3.0)])
    assert graph.shortest_paths([(1, 3)]) == {(1, 3): (1, 2, 3)}


def test_what_is_no_link_is_not_used() -> None:
    links = [(1, 1, 1.0), (1, 9, 1.0), (1, 2, 0.0), (1, 2, float("nan")), (2, 3, float("inf"))]
    found = Graph([1, 2, 3], links).shortest_paths([(1, 2), (2, 3), (1, 9), (9, 1)])
    assert found == {(1, 2): None, (2, 3): None, (1, 9): None, (9, 1): None}


def test_costs_so_far_apart_that_sums_hide_them_still_give_a_path() -> None:
    links = [(1, 2, 1e20), (2, 3, 1.0), (3, 4, 1.0)]
    assert Graph([1, 2, 3, 4], links).shortest_paths([(1, 4), (4, 1)]) == {
        (1, 4): (1, 2, 3, 4),
        (4, 1): (4, 3, 2, 1),
    }


def test_long_paths_are_read_off_the_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search that keeps whole paths needs memory for the square of their length."""

    def refuse(*_: object) -> None:
        raise AssertionError("a whole search for a path that the distances show")

    monkeypatch.setattr(Graph, "_searched", refuse)
    nodes = range(1, 2001)
    graph = Graph(nodes, [(node, node % 2000 + 1, 1.0) for node in nodes])
    found = graph.shortest_paths([(1, 900), (1, 1500), (7, 1)])
    assert found[1, 900] == tuple(range(1, 901))
    assert found[1, 1500] == (1, *range(2000, 1499, -1))
    assert found[7, 1] == tuple(range(7, 0, -1))
