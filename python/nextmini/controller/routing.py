"""Routes on demand: pairs that are asked for, and the shortest paths that answer them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from nextmini.controller.paths import Graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nextmini.controller.actual import Actual
    from nextmini.controller.paths import Pair, Path
    from nextmini.controller.view import NetworkView
    from nextmini.scenario import Route
    from nextmini.store import Store

P = ParamSpec("P")
T = TypeVar("T")

SMALL_SEARCH = 20_000
"""Searches of at most so many nodes (times sources) take milliseconds, and so no thread."""
MOST_ROUTES = 1000
"""Routes written at once: so many that a change notice still names them all."""


class PathFinder:
    """Shortest paths over what is desired; the graph is made again when nodes or links have changed."""

    def __init__(self, view: NetworkView) -> None:
        self._view = view
        self._graph: Graph | None = None

    def changed(self) -> None:
        """Nodes or links are not what they were."""
        self._graph = None

    async def find(self, pairs: Iterable[Pair], unusable: frozenset[int]) -> dict[Pair, Path | None]:
        """The cheapest path of each pair that uses no link of `unusable`; None where there is none.

        A large search runs in a thread; what changes in the meantime is for the next one.
        """
        pairs = set(pairs)
        if self._graph is None or unusable:
            links = [
                (link.a, link.b, link.cost) for link in self._view.links.values() if link.id not in unusable
            ]
            nodes = list(self._view.nodes)
            graph = await _run(len(nodes) + len(links), Graph, nodes, links)
            self._graph = None if unusable else graph
        else:
            graph = self._graph
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


class RouteMaker:
    """Answers what is asked for: finds paths, writes them as rows, says which pairs have none."""

    def __init__(self, store: Store, view: NetworkView, actual: Actual) -> None:
        self._store = store
        self._view = view
        self._actual = actual
        self._finder = PathFinder(view)
        self._wanted: set[Pair] = set()

    def want(self, pairs: Iterable[Pair]) -> None:
        """Somebody has packets for these pairs (source, destination)."""
        self._wanted.update(pairs)

    def topology_changed(self) -> None:
        """Nodes or links are not what they were."""
        self._finder.changed()

    async def make(self) -> tuple[list[Route], list[Pair]]:
        """Makes the routes that are wanted, both ways; returns them, and the pairs without a path.

        Raises DatabaseError, and then remembers what is wanted.
        """
        taken, self._wanted = self._wanted, set()
        pairs = {pair for pair in taken if not self._served(pair)}
        if not pairs:
            return [], []
        made: list[Route] = []
        try:
            refused = {id for kind, id in self._actual.refused if kind == "link"}
            unusable = frozenset(id for id in refused if not self._view.stands(id))
            paths = await self._finder.find(pairs, unusable)
            reverses = [(b, a) for a, b in pairs]
            new = both_ways(paths, [pair for pair in reverses if self._served(pair)])
            for first in range(0, len(new), MOST_ROUTES):
                part = new[first : first + MOST_ROUTES]
                made += await self._store.add_routes([(path, 1) for path in part])
        except BaseException:
            # Routes of parts that were written come back as a change like anybody's.
            self._wanted |= pairs
            raise
        return made, [pair for pair, path in paths.items() if path is None]

    def _served(self, pair: Pair) -> bool:
        """Whether the pair has a route that is, or is going to be, in force."""
        routes = self._view.routes_between.get(pair, ())
        return any(("route", id) not in self._actual.refused for id in routes)
