"""Shortest-path trees of what is desired, one for each destination, computed in a thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nextmini._native import Trees
from nextmini.algorithms.costs import cost_of

if TYPE_CHECKING:
    from nextmini.controller.view import NetworkView
    from nextmini.scenario.network import Metric

    Inputs = tuple[list[int], list[tuple[int, int, float, int, int]]]


class TreeMaker:
    """Computes trees when nodes or links are not what they were."""

    def __init__(self, view: NetworkView, metric: Metric) -> None:
        self._view = view
        self._metric = metric
        self._stale = True
        self._unusable: frozenset[int] = frozenset()
        self._inputs: Inputs | None = None
        self._trees: Trees | None = None

    def changed(self) -> None:
        """Nodes or links are not what they were."""
        self._stale = True

    def is_behind(self, unusable: frozenset[int]) -> bool:
        """Whether the trees may not be those of the network without these links."""
        return self._stale or unusable != self._unusable

    async def make(self, unusable: frozenset[int]) -> Trees | None:
        """The trees of the network without these links; None if they are what they were.

        What changes in the meantime is for the next time.
        """
        if not self.is_behind(unusable):
            return None
        self._stale, self._unusable = False, unusable
        inputs = self._look(unusable)
        if inputs == self._inputs:
            return None
        try:
            trees = await asyncio.to_thread(Trees, *inputs)
        except BaseException:
            self._stale = True
            raise
        self._inputs = inputs
        if trees == self._trees:
            return None
        self._trees = trees
        return trees

    def reaches(self, source: int, destination: int) -> bool:
        """Whether there is a way along the trees that were made last."""
        return self._trees is not None and self._trees.path(source, destination) is not None

    def path(self, source: int, destination: int) -> tuple[int, ...] | None:
        """The way along the trees that were made last."""
        found = None if self._trees is None else self._trees.path(source, destination)
        return None if found is None else tuple(found)

    def _look(self, unusable: frozenset[int]) -> Inputs:
        view, metric = self._view, self._metric
        links = [
            (link.a, link.b, cost_of(link, metric), *view.chunks_over(link.id))
            for link in view.links.values()
            if link.id not in unusable
        ]
        return sorted(view.nodes), sorted(links)
