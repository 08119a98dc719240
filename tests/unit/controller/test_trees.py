"""Trees of what is desired: they are the paths that routes would have, computed when it has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextmini._native import Trees
from nextmini.algorithms.graph import Graph
from nextmini.controller.trees import TreeMaker

from . import rows

if TYPE_CHECKING:
    from nextmini.controller.view import NetworkView

NODES = st.sets(st.integers(1, 40), min_size=1, max_size=12)
ENDS = st.integers(1, 40)
COSTS = st.sampled_from([0.1, 0.2, 0.3, 1.0, 1.5, 3.0, 1e-9, 1e9, 0.0, -1.0, float("inf")])
LINKS = st.lists(st.tuples(ENDS, ENDS, COSTS), max_size=40)


@given(NODES, LINKS)
def test_ways_along_trees_are_the_paths_that_routes_have(
    nodes: set[int], links: list[tuple[int, int, float]]
) -> None:
    trees = Trees(sorted(nodes), [(*link, 65_536, 65_536) for link in links])
    graph = Graph(nodes, links)
    pairs = {(a, b) for a in nodes for b in nodes if a != b}
    # Of equally cheap ways a route takes the smallest nodes from its end on, a packet from where it is.
    for (a, b), path in graph.shortest_paths(pairs).items():
        found = trees.path(b, a)
        assert (None if found is None else tuple(found)) == (None if path is None else path[::-1])


def ring(**changes: float) -> NetworkView:
    nodes = [rows.node(id) for id in (1, 2, 3, 4)]
    links = [rows.link(id, id, id % 4 + 1, **changes) for id in (1, 2, 3, 4)]  # type: ignore[arg-type]
    return rows.view(*nodes, *links)


async def made(maker: TreeMaker, unusable: frozenset[int] = frozenset()) -> list[int] | None:
    """The way from 1 to 4, if there are other trees."""
    trees = await maker.make(unusable)
    return None if trees is None else trees.path(1, 4)


@pytest.mark.asyncio
async def test_trees_are_made_when_the_network_has_changed() -> None:
    view = ring()
    maker = TreeMaker(view, "cost")
    assert maker.is_behind(frozenset())
    assert (await made(maker), await made(maker)) == ([1, 4], None)
    rows.put(view, rows.link(4, 4, 1, cost=9.0))
    assert await made(maker) is None, "it was not told"
    maker.changed()
    assert (await made(maker), maker.reaches(1, 4), maker.path(1, 4)) == ([1, 2, 3, 4], True, (1, 2, 3, 4))
    maker.changed()
    assert await made(maker) is None, "they are what they were"
    assert not maker.is_behind(frozenset())


@pytest.mark.asyncio
async def test_links_that_nobody_can_have_are_in_no_tree() -> None:
    maker = TreeMaker(ring(), "cost")
    assert await made(maker, frozenset({4})) == [1, 2, 3, 4]
    assert maker.is_behind(frozenset())
    assert await made(maker) == [1, 4]
    assert await made(maker, frozenset({3, 4})) is None
    assert not maker.reaches(1, 4)


@pytest.mark.asyncio
async def test_chunks_of_ways_are_those_of_their_links() -> None:
    view = ring()
    maker = TreeMaker(view, "hops")
    assert (await maker.make(frozenset())) is not None
    rows.put(view, rows.link(4, 4, 1, backward={"loss": "1%"}))
    maker.changed()
    trees = await maker.make(frozenset())
    assert trees is not None
    row, back = trees.row(1), trees.row(4)
    assert row is not None
    assert back is not None
    chunks = trees.chunks()
    assert (chunks[row[12]], chunks[back[0]]) == (1_460, 65_536), "over the link from 1 to 4, and back"
