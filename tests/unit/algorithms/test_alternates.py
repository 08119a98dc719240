"""Other ways, found before they are needed: for whatever can be avoided there is one that avoids it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from nextmini.algorithms.alternates import Alternates
from nextmini.algorithms.graph import Graph, Pair, steps_of

if TYPE_CHECKING:
    from nextmini.algorithms.graph import Path

NODES = range(1, 9)
LINKS = st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=18)


def graph(*links: tuple[int, int], nodes: range = NODES) -> Graph:
    return Graph(nodes, [(a, b, 1.0) for a, b in links])


def connected(links: list[Pair], source: int, destination: int, node: int = 0, step: Pair = (0, 0)) -> bool:
    """Whether there is a way without this node and this link, by walking."""
    left = [link for link in links if node not in link and tuple(sorted(link)) != step]
    reached, before = {source}, set[int]()
    while reached != before:
        before = set(reached)
        reached |= {end for link in left if before & set(link) for end in link}
    return destination in reached


@given(LINKS)
def test_whatever_can_be_avoided_is_avoided_by_one_of_them(links: list[Pair]) -> None:
    links = [(a, b) for a, b in links if a != b]
    whole = graph(*links)
    alternates = Alternates(whole)
    for (source, destination), path in whole.shortest_paths([(1, 8), (5, 2)]).items():
        if path is None:
            continue
        others = alternates.of(path)
        for other in others:
            assert (other[0], other[-1]) == (source, destination)
            assert len(set(other)) == len(other), "no loops"
            assert set(steps_of(other)) <= {(min(link), max(link)) for link in links}
        for node in path[1:-1]:
            avoided = any(node not in other for other in others)
            assert avoided == connected(links, source, destination, node=node)
        for step in steps_of(path):
            avoided = any(step not in steps_of(other) for other in others)
            assert avoided == connected(links, source, destination, step=step)


def of(path: Path, *links: Pair) -> tuple[Path, ...]:
    return Alternates(graph(*links)).of(path)


def test_one_that_has_nothing_in_common_is_enough_even_if_it_is_long() -> None:
    long = ((1, 4), (4, 5), (5, 6), (6, 3))
    assert of((1, 2, 3), (1, 2), (2, 3), *long) == ((1, 4, 5, 6, 3),)
    # Through the same node there would be shorter ones.
    assert of((1, 2, 3), (1, 2), (2, 3), (1, 7), (7, 2), (2, 8), (8, 3), *long) == ((1, 4, 5, 6, 3),)


def test_else_one_without_a_common_link_comes_first() -> None:
    assert of((1, 2, 3), (1, 2), (2, 3), (1, 4), (4, 2), (2, 5), (5, 3)) == ((1, 4, 2, 5, 3),)


def test_else_each_thing_is_avoided_by_itself() -> None:
    # Node 2 and the link 2-3 are on every way; 1-2 is not.
    assert of((1, 2, 3), (1, 2), (2, 3), (1, 4), (4, 2)) == ((1, 4, 2, 3),)
    assert of((1, 2), (1, 2), (1, 3), (3, 2)) == ((1, 3, 2),)
    assert of((1, 2, 3), (1, 2), (2, 3)) == ()


@given(LINKS, st.sets(st.sampled_from(NODES)), LINKS)
def test_a_network_without_something_is_as_if_made_without_it(
    links: list[Pair], nodes: set[int], steps: list[Pair]
) -> None:
    gone = {(min(step), max(step)) for step in steps}
    whole = graph(*links)
    less = whole.without(nodes, gone)
    left = [(a, b) for a, b in links if (min(a, b), max(a, b)) not in gone and nodes.isdisjoint((a, b))]
    made = Graph([node for node in NODES if node not in nodes], [(a, b, 1.0) for a, b in left])
    pairs = [(a, b) for a in NODES for b in NODES if a != b]
    assert less.shortest_paths(pairs) == made.shortest_paths(pairs)
    assert whole.shortest_paths(pairs) == graph(*links).shortest_paths(pairs), "the whole is as it was"
