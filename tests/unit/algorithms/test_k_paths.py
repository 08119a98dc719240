"""The k shortest paths: against the example of the literature, and against all simple paths."""

from __future__ import annotations

import rustworkx
from hypothesis import given
from hypothesis import strategies as st

from nextmini.algorithms.graph import Graph
from nextmini.algorithms.k_paths import equal_cost_paths, k_shortest_paths

COSTS = st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0])
LINKS = st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7), COSTS), max_size=16)


def test_paths_of_a_small_network_by_hand() -> None:
    #   2 --1-- 4
    #  1|  \2   |1     1-2 1, 1-3 2, 2-3 2, 2-4 1, 3-4 3, 4-5 1
    #   1 -2- 3 -3- 4 --1-- 5
    graph = Graph(range(1, 6), [(1, 2, 1), (1, 3, 2), (2, 3, 2), (2, 4, 1), (3, 4, 3), (4, 5, 1)])
    found = k_shortest_paths(graph, 1, 5, 9)
    assert [graph.cost_of(path) for path in found] == [3, 6, 6, 7]
    assert found[0] == (1, 2, 4, 5)
    assert set(found[1:3]) == {(1, 3, 2, 4, 5), (1, 3, 4, 5)}
    assert found[3:] == [(1, 2, 3, 4, 5)]
    assert k_shortest_paths(graph, 1, 5, 1) == [(1, 2, 4, 5)]


def test_equal_costs_are_those_that_cost_the_same_and_no_more() -> None:
    links = [(1, 2, 0.1), (1, 3, 0.1), (1, 4, 0.1), (2, 5, 0.2), (3, 5, 0.2), (4, 5, 0.3), (1, 5, 0.5)]
    graph = Graph(range(1, 6), links)
    assert equal_cost_paths(graph, 1, 5, 16) == [(1, 2, 5), (1, 3, 5)]
    assert equal_cost_paths(graph, 1, 5, 1) == [(1, 2, 5)]


def test_where_there_is_no_path_there_is_none() -> None:
    graph = Graph([1, 2, 3], [(1, 2, 1)])
    assert k_shortest_paths(graph, 1, 3, 4) == equal_cost_paths(graph, 1, 3, 4) == []
    assert k_shortest_paths(graph, 1, 9, 4) == []


@given(LINKS, st.integers(1, 12))
def test_they_are_the_cheapest_of_all_simple_paths(links: list[tuple[int, int, float]], k: int) -> None:
    graph = Graph(range(1, 8), links)
    peer: rustworkx.PyGraph[int, float] = rustworkx.PyGraph(multigraph=False)
    peer.add_nodes_from(range(8))
    peer.add_edges_from([(a, b, c) for a, b, c in links if a != b])
    every = sorted(graph.cost_of(tuple(path)) for path in rustworkx.all_simple_paths(peer, 1, 7))
    found = k_shortest_paths(graph, 1, 7, k)
    assert len(found) == len(set(found)) == min(k, len(every))
    assert all(len(set(path)) == len(path) and (path[0], path[-1]) == (1, 7) for path in found)
    costs = [graph.cost_of(path) for path in found]
    assert all(abs(cost - best) < 1e-9 for cost, best in zip(costs, every, strict=False))
