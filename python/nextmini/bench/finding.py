"""How long the controller looks for routes: its own graph and its own search, and nothing around them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from nextmini.algorithms.graph import Graph
from nextmini.bench.cost_networks import chords, spread_links, spread_pairs
from nextmini.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.algorithms.graph import Pair

NODES = 1_000
"""Of the network that routes of flows are looked for in."""
SEARCHES = 10
"""Whose mean is a search's time."""


@dataclass(frozen=True, slots=True)
class Found:
    """Seconds of CPU time: for making the graph, and for all of the searches."""

    graph: float
    search: float


async def by_nodes(nodes: int) -> Found:
    """One search in a network of so many nodes and twice as many links."""
    return await _one_search(nodes, spread_links(nodes))


async def by_links(links: int, nodes: int) -> Found:
    """One search in a network of so many links."""
    return await _one_search(nodes, [(a, b, 1.0) for a, b in islice(chords(nodes), links)])


async def by_flows(flows: int) -> Found:
    """Searches for the routes of so many flows between nodes by chance, in a network of 1,000."""
    return await asyncio.to_thread(_search, NODES, spread_links(NODES), spread_pairs(flows, NODES))


async def _one_search(nodes: int, links: Sequence[tuple[int, int, float]]) -> Found:
    # Between ends of links, which are all joined; from sources that differ, as those of one are one search.
    ends = dict(zip((a for a, _, _ in links), (b for _, b, _ in reversed(links)), strict=True))
    pairs = [pair for pair in ends.items() if pair[0] != pair[1]][:SEARCHES]
    found = await asyncio.to_thread(_search, nodes, links, pairs)
    return Found(found.graph, found.search / len(pairs))


def _search(nodes: int, links: Sequence[tuple[int, int, float]], pairs: Sequence[Pair]) -> Found:
    began = time.thread_time()
    graph = Graph(range(1, nodes + 1), links)
    made = time.thread_time()
    paths = graph.shortest_paths(pairs)
    ended = time.thread_time()
    if None in paths.values():
        raise RunError(f"measuring routes failed: some have none in a network of {nodes} nodes")
    return Found(made - began, ended - made)
