"""Moves computed routes away from what has died, and back; what moves where is decided in `healing`.

It knows the rows of computed routes with their best paths, and looks for alternates in the background, so
that most of what a failure takes is a look-up and one statement to the database.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from nextmini.algorithms.alternates import Alternates
from nextmini.algorithms.graph import pair_of
from nextmini.controller.healing import Course, decide, ordered, turned
from nextmini.controller.liveness import Dead, Liveness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nextmini.algorithms.graph import Pair, Path
    from nextmini.controller.actual import Row, RowState
    from nextmini.controller.finder import PathFinder
    from nextmini.controller.view import NetworkView
    from nextmini.scenario import Route
    from nextmini.store import Store

    Shape = tuple[frozenset[int], frozenset[tuple[int, int, float]]]

MOST_ROUTES = 1000
"""Routes written at once: so many that a change notice still names them all."""
AT_ONCE = 8
"""Routes whose alternates are looked for before something else may have its turn."""


@dataclass(frozen=True, slots=True)
class _Own:
    """A route of ours: the path that was last written, and its best one."""

    path: Path
    best: Path


class Healer:
    """The hand that moves routes."""

    def __init__(
        self,
        store: Store,
        view: NetworkView,
        finder: PathFinder,
        refused: Callable[[], frozenset[int]],
        held: Callable[[], set[Pair]],
    ) -> None:
        """`refused` tells the links that processes could not have, `held` the pairs that are not to move."""
        self._store = store
        self._view = view
        self._finder = finder
        self._refused = refused
        self._held = held
        self._liveness = Liveness()
        self._dead = Dead()
        self._own: dict[int, _Own] = {}
        self._alternates: dict[Path, tuple[Path, ...]] = {}
        """By best path, from the smaller number to the larger."""
        self._shape: Shape = (frozenset(), frozenset())
        self._reshaped = self._holding = False
        self._work = asyncio.Event()
        self.undecided = True
        """Whether something has died or come back since routes were looked at."""

    def saw(self, states: Mapping[Row, RowState | None]) -> bool:
        """Takes in states that changed; returns whether routes may have to move."""
        news = self._liveness.take(states)
        self.undecided |= news
        return news

    def topology_changed(self) -> None:
        """Nodes or links are not what they were."""
        self.undecided = self._reshaped = True

    async def heal(self) -> list[Route]:
        """Moves the routes that are to take other paths now; returns them as they are then.

        Raises DatabaseError, and then does it the next time.
        """
        if not self.undecided and not self._holding:
            return []
        self.undecided = False
        try:
            self._dead = self._liveness.dead(self._view)
            self._look_at_shape()
            await self._learn()
            decision = decide(self._courses(), self._dead, self._held())
            self._holding = bool(decision.held)
            return await self._move(decision.moves | await self._search(decision.searches))
        except BaseException:
            self.undecided = True
            raise

    async def around(self, best: Mapping[Path, Path]) -> dict[Path, Path]:
        """The best paths by those to take instead, where they lead over something dead."""
        crossing = [path for path in best if self._dead.crosses(path) and not self._dead.holds_end(path)]
        if not crossing:
            return dict(best)
        found = await self._living(map(_pair, crossing))
        instead = {path: found[_pair(path)] or path for path in crossing}
        return {instead.get(path, path): path for path in best}

    def made(self, routes: Iterable[Route], best: Mapping[Path, Path]) -> None:
        """These routes are new; `best` has the best paths by those that are taken, one way or the other."""
        for route in routes:
            at = best.get(route.path) or best[route.path[::-1]][::-1]
            self._own[route.id] = _Own(route.path, at)
        self._work.set()

    async def keep_ready(self) -> None:
        """Looks for alternates whenever there are routes without. Never returns."""
        while True:
            await self._work.wait()
            self._work.clear()
            wanted = {_forward(own.best) for own in self._own.values()} - self._alternates.keys()
            if not wanted:
                continue
            shape = self._shape
            alternates = Alternates(await self._finder.graph(self._refused()))
            todo = sorted(wanted)
            for first in range(0, len(todo), AT_ONCE):
                part = todo[first : first + AT_ONCE]
                found = await asyncio.to_thread(alternates.of_all, part)
                if shape != self._shape:
                    self._work.set()
                    break
                self._alternates.update(zip(part, found, strict=True))

    def _look_at_shape(self) -> None:
        """Forgets what was found in another network than the one that there is now."""
        if not self._reshaped:
            return
        self._reshaped = False
        links = ((*pair_of(link.a, link.b), link.cost) for link in self._view.links.values())
        shape = (frozenset(self._view.nodes), frozenset(links))
        if shape == self._shape:
            return
        self._shape = shape
        self._alternates.clear()
        self._own = {id: own for id, own in self._own.items() if self._possible(own.best)}
        self._work.set()

    async def _learn(self) -> None:
        """Gets to know computed routes that were there before, and leaves alone what others have changed."""
        routes = {id: route for id, route in self._view.routes.items() if route.origin == "computed"}
        self._own = {id: own for id, own in self._own.items() if id in routes}
        theirs = [id for id, own in self._own.items() if routes[id].path != own.path]
        if theirs:
            await self._store.give_up_routes(theirs)
            for id in theirs:
                del self._own[id]
        # What cannot be is refused, and its pair is given another route when it asks.
        new = [
            route
            for id, route in routes.items()
            if id not in self._own and id not in theirs and self._possible(route.path)
        ]
        if not new:
            return
        found = await self._found((_pair(route.path) for route in new), self._refused())
        for route in new:
            best = found[_pair(route.path)]
            if best is None or self._cost(best) == self._cost(route.path):
                best = route.path
            self._own[route.id] = _Own(route.path, best)
        self._work.set()

    def _courses(self) -> dict[int, Course]:
        return {
            id: Course(own.path, own.best, self._alternates_of(own.best))
            for id, own in self._own.items()
            if own.path != own.best or self._dead.crosses(own.path)
        }

    def _alternates_of(self, best: Path) -> tuple[Path, ...]:
        found = self._alternates.get(_forward(best), ())
        return found if best[0] < best[-1] else tuple(path[::-1] for path in found)

    async def _search(self, searches: Mapping[int, Pair]) -> dict[int, Path]:
        """Paths over what works, for the routes that have one."""
        if not searches:
            return {}
        found = await self._living(searches.values())
        return {id: path for id, pair in searches.items() if (path := found[pair]) is not None}

    async def _living(self, pairs: Iterable[Pair]) -> dict[Pair, Path | None]:
        """The cheapest paths over what works."""
        return await self._found(pairs, self._refused() | self._dead.links)

    async def _found(self, pairs: Iterable[Pair], unusable: frozenset[int]) -> dict[Pair, Path | None]:
        """The cheapest paths without these links, the same in both directions."""
        pairs = list(pairs)
        found = await self._finder.find(ordered(pairs), unusable)
        return {pair: turned(found[min(pair), max(pair)], pair) for pair in pairs}

    async def _move(self, moves: Mapping[int, Path]) -> list[Route]:
        moved: list[Route] = []
        ids = sorted(moves)
        for first in range(0, len(ids), MOST_ROUTES):
            part = ids[first : first + MOST_ROUTES]
            try:
                rows = await self._store.move_routes([(id, self._own[id].path, moves[id]) for id in part])
            except BaseException:
                # They may have been written all the same, and are ours then.
                for id in part:
                    del self._own[id]
                raise
            for row in rows:
                self._own[row.id] = replace(self._own[row.id], path=row.path)
            moved += rows
        return moved

    def _possible(self, path: Path) -> bool:
        """Whether every step of a path has a link."""
        return all(pair_of(*step) in self._view.links_between for step in pairwise(path))

    def _cost(self, path: Path) -> float:
        view = self._view
        steps = (view.links_between[pair_of(*step)] for step in pairwise(path))
        return sum(min(view.links[id].cost for id in ids) for ids in steps)


def _pair(path: Path) -> Pair:
    return path[0], path[-1]


def _forward(path: Path) -> Path:
    return path if path[0] < path[-1] else path[::-1]
