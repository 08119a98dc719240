"""Searches for shortest paths over what is desired, in a thread where they take long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from nextmini.algorithms.costs import cost_of
from nextmini.algorithms.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nextmini.algorithms.graph import Pair, Path
    from nextmini.controller.view import NetworkView
    from nextmini.scenario.network import Metric

P = ParamSpec("P")
T = TypeVar("T")

SMALL_SEARCH = 20_000
"""Searches of at most so many nodes (times sources) take milliseconds, and so no thread."""


class PathFinder:
    """Shortest paths over what is desired; the graph is made again when nodes or links have changed."""

    def __init__(self, view: NetworkView, metric: Metric = "cost") -> None:
        self._view = view
        self._metric = metric
        self._graph: Graph | None = None

    def changed(self) -> None:
        """Nodes or links are not what they were."""
        self._graph = None

    async def graph(self, unusable: frozenset[int]) -> Graph:
        """The network without the links in `unusable`."""
        if self._graph is not None and not unusable:
            return self._graph
        links = [
            (link.a, link.b, cost_of(link, self._metric))
            for link in self._view.links.values()
            if link.id not in unusable
        ]
        nodes = list(self._view.nodes)
        graph = await _run(len(nodes) + len(links), Graph, nodes, links)
        if not unusable:
            self._graph = graph
        return graph

    async def find(self, pairs: Iterable[Pair], unusable: frozenset[int]) -> dict[Pair, Path | None]:
        """The cheapest path of each pair that uses no link of `unusable`; None where there is none.

        A large search runs in a thread; what changes in the meantime is for the next one.
        """
        pairs = set(pairs)
        graph = await self.graph(unusable)
        sources = {source for source, _ in pairs}
        return await _run(len(self._view.nodes) * len(sources), graph.shortest_paths, pairs)


async def _run(size: int, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    if size <= SMALL_SEARCH:
        return work(*arguments, **named)
    return await asyncio.to_thread(work, *arguments, **named)


def both_ways(paths: dict[Pair, Path | None], served: Iterable[Pair]) -> list[Path]:
    """The paths and their reverses, one for each pair that is not served yet."""
    routes: dict[Pair, Path] = {}
    taken = set(served)
    for path in paths.values():
        if path is None:
            continue
        for way in (path, path[::-1]):
            pair = (way[0], way[-1])
            if pair not in taken:
                routes.setdefault(pair, way)
    return list(routes.values())
