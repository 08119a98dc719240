"""Routes on demand: pairs that are asked for, and the shortest paths that answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.controller.finder import PathFinder
from nextmini.controller.healer import MOST_ROUTES, Healer
from nextmini.controller.trees import TreeMaker
from nextmini.scenario.network import MOST_PATHS_AHEAD, MOST_TREES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nextmini._native import Trees
    from nextmini.algorithms.graph import Pair, Path
    from nextmini.controller.actual import Actual, Row, RowState
    from nextmini.controller.flows import FlowProgress, FlowTracker
    from nextmini.controller.view import NetworkView
    from nextmini.scenario import Route
    from nextmini.scenario.network import Routing
    from nextmini.store import Store


def both_ways(paths: Iterable[Path], served: Iterable[Pair]) -> list[Path]:
    """The paths and their reverses, one for each pair that is not served yet."""
    routes: dict[Pair, Path] = {}
    taken = set(served)
    for path in paths:
        for way in (path, path[::-1]):
            pair = (way[0], way[-1])
            if pair not in taken:
                routes.setdefault(pair, way)
    return list(routes.values())


def grows_trees(routing: Routing, view: NetworkView) -> bool:
    """Whether packets go along trees between nodes without a route. Those that are to move fast are paths."""
    asked = routing.mode == "proactive" and routing.reroute == "none"
    return asked and 0 < len(view.nodes) <= MOST_TREES


def pairs_ahead(routing: Routing, view: NetworkView) -> set[Pair]:
    """The pairs that get a route of their own before they ask."""
    if routing.mode == "auto":
        return {(flow.source, flow.destination) for flow in view.flows.values()}
    if grows_trees(routing, view):
        return {(flow.source, flow.destination) for flow in view.flows.values() if flow.mode == "max"}
    if routing.mode == "reactive" or len(view.nodes) > MOST_PATHS_AHEAD:
        return set()
    return {(a, b) for a in view.nodes for b in view.nodes if a != b}


class RouteMaker:
    """Answers what is asked for: finds paths, writes them as rows, says which pairs have none.

    Where packets go along trees it has these computed, and makes routes only for those that cannot.

    With `routing.reroute` it leads around what does not work, and moves the routes that it has made. What
    `routing.mode` wants before anybody asks is looked for when the network has changed.
    """

    def __init__(
        self, store: Store, view: NetworkView, actual: Actual, routing: Routing, flows: FlowTracker
    ) -> None:
        self._store = store
        self._view = view
        self._actual = actual
        self._finder = PathFinder(view, routing.metric)
        self._trees = TreeMaker(view, routing.metric)
        self._wanted: set[Pair] = set()
        self._paths_wanted: set[Pair] = set()
        self._routing = routing
        self._ahead: set[Pair] = set()
        self._healer: Healer | None = None
        if routing.reroute == "fast":
            self._healer = Healer(store, view, self._finder, self._unusable, flows.in_max_mode)

    def want(self, pairs: Iterable[Pair], paths: Iterable[Pair] = ()) -> None:
        """Somebody has packets for these pairs (source, destination); those for `paths` go along no tree."""
        self._wanted.update(pairs)
        self._paths_wanted.update(paths)

    async def grow(self, *, room: bool) -> Trees | None:
        """The trees that packets are to take, if they are other ones now; None while there is no `room`."""
        if not room or not grows_trees(self._routing, self._view):
            return None
        return await self._trees.make(self._unusable())

    @property
    def is_behind(self) -> bool:
        """Whether packets may go along trees of the network as it was."""
        return grows_trees(self._routing, self._view) and self._trees.is_behind(self._unusable())

    def changed(self, *, topology: bool) -> None:
        """Flows are not what they were; or nodes or links, then `topology` is true."""
        self._ahead |= pairs_ahead(self._routing, self._view)
        if not topology:
            return
        self._finder.changed()
        self._trees.changed()
        if self._healer is not None:
            self._healer.topology_changed()

    def saw(self, states: Mapping[Row, RowState | None]) -> bool:
        """Takes in states that changed; returns whether routes may have to move."""
        return self._healer is not None and self._healer.saw(states)

    async def heal(self) -> list[Route]:
        """Moves the routes that are to take other paths now; returns them as they are then.

        Raises DatabaseError, and then does it the next time.
        """
        return [] if self._healer is None else await self._healer.heal()

    async def keep_ready(self) -> None:
        """Looks for other ways of the routes that were made, before they are needed."""
        if self._healer is not None:
            await self._healer.keep_ready()

    async def make(self) -> tuple[list[Route], list[Pair]]:
        """Makes the routes that are wanted, both ways; returns them, and the pairs without a path.

        Raises DatabaseError, and then remembers what is wanted.
        """
        taken, self._wanted = self._wanted, set()
        paths, self._paths_wanted = self._paths_wanted, set()
        ahead, self._ahead = self._ahead, set()
        trees = grows_trees(self._routing, self._view)
        owed = paths | ahead | (set() if trees else taken)
        pairs = {pair for pair in taken | owed if not self._served(pair)}
        if trees:
            pairs = {pair for pair in pairs if pair in owed or not self._trees.reaches(*pair)}
        if not pairs:
            return [], []
        made: list[Route] = []
        try:
            best = await self._finder.find(pairs, self._unusable())
            # By the paths that are taken: what would be taken if everything worked. Others wait for a tree.
            found = {path: path for pair, path in best.items() if path is not None and pair in owed}
            if self._healer is not None:
                found = await self._healer.around(found)
            reverses = [(b, a) for a, b in pairs]
            new = both_ways(found, [pair for pair in reverses if self._served(pair)])
            for first in range(0, len(new), MOST_ROUTES):
                part = new[first : first + MOST_ROUTES]
                made += await self._store.add_routes([(path, 1) for path in part])
        except BaseException:
            # Routes of parts that were written come back as a change like anybody's.
            self._wanted |= taken
            self._paths_wanted |= paths
            self._ahead |= ahead
            raise
        if self._healer is not None:
            self._healer.made(made, found)
        # Who has not asked may have a path by the time that it does.
        return made, [pair for pair, path in best.items() if path is None and pair in taken | paths]

    def paths_of(self, flow: FlowProgress) -> list[Path]:
        """The paths that a flow may be on: those of its pair, where it has not said.

        None while it is not decided whether routes move.
        """
        if self._healer is not None:
            if self._healer.undecided:
                return []
            row = None if flow.route is None else self._view.routes.get(flow.route)
            if row is not None:
                return [row.path]
        if flow.path:
            return [flow.path]
        pair = (flow.flow.source, flow.flow.destination)
        routes = self._view.routes_between.get(pair, ())
        if routes or not grows_trees(self._routing, self._view):
            return [self._view.routes[id].path for id in routes]
        path = self._trees.path(*pair)
        return [] if path is None else [path]

    def _unusable(self) -> frozenset[int]:
        """Links that processes could not have."""
        refused = (id for kind, id in self._actual.refused if kind == "link")
        return frozenset(id for id in refused if not self._view.stands(id))

    def _served(self, pair: Pair) -> bool:
        """Whether the pair has a route that is, or is going to be, in force."""
        routes = self._view.routes_between.get(pair, ())
        return any(("route", id) not in self._actual.refused for id in routes)
