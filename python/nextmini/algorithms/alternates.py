"""Other ways for a pair of nodes, found before they are needed.

As loop-free alternates (RFC 5286) they are there when something fails, so that all that is left to do is to
choose one. Packets carry their whole path, so a path that visits no node twice cannot loop, whatever others
do meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.algorithms.graph import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nextmini.algorithms.graph import Graph, Pair, Path


class Alternates:
    """Finds them in one network."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._bridges = graph.bridges()

    def of_all(self, paths: Iterable[Path]) -> list[tuple[Path, ...]]:
        """Those of each path."""
        return [self.of(path) for path in paths]

    def of(self, path: Path) -> tuple[Path, ...]:
        """Paths between the same ends, such that whatever may fail on `path` and can be avoided is avoided
        by one of them.

        If there is a path that has nothing in common with it, that one alone. Else one that has no link in
        common, if there is one, and for whatever is not avoided by then, one by one, a path without it.
        """
        steps, inside = steps_of(path), path[1:-1]
        if self._bridges.isdisjoint(steps):
            disjoint = self._search(path, inside, steps)
            if disjoint is not None:
                return (disjoint,)
            other = self._search(path, (), steps)
            return tuple(self._one_by_one(path, [] if other is None else [other]))
        return tuple(self._one_by_one(path, []))

    def _one_by_one(self, path: Path, found: list[Path]) -> Iterator[Path]:
        yield from found
        # Every path crosses the bridges, and so visits their ends.
        certain = {node for step in steps_of(path) if step in self._bridges for node in step}
        for node in path[1:-1]:
            if node not in certain and all(node in other for other in found):
                other = self._search(path, (node,), ())
                if other is not None:
                    found.append(other)
                    yield other
        for step in steps_of(path):
            if step not in self._bridges and all(step in steps_of(other) for other in found):
                other = self._search(path, (), (step,))
                if other is not None:
                    found.append(other)
                    yield other

    def _search(self, path: Path, nodes: Iterable[int], steps: Iterable[Pair]) -> Path | None:
        return self._graph.without(nodes, steps).shortest_path(path[0], path[-1])
