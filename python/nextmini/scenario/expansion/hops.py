"""Whether flows can arrive within the hop limit.

Looked at only if the scenario gives a limit: the default one, the number of nodes, is enough for any path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.reachability import distances, neighbours

if TYPE_CHECKING:
    from nextmini.scenario.expansion.links import Web
    from nextmini.scenario.expansion.nodes import Cast
    from nextmini.scenario.network import Route


class HopLimits:
    """Finds pairs that not even the path of fewest links can join within the hop limit."""

    def __init__(self, cast: Cast, web: Web, routes: tuple[Route, ...]) -> None:
        self.limit = cast.nodes[0].hop_limit
        self._idle = self.limit >= len(cast.nodes) - 1 or not web.complete
        self._routed = {(route.path[0], route.path[-1]) for route in routes}
        self._near: list[list[int]] = []
        self._reach: dict[int, list[int | None]] = {}
        if not self._idle:
            self._near = neighbours(web.nodes, [(link.a - 1, link.b - 1) for link in web.links])
            self._idle = self._everything_is_near(set(web.parts))

    def exceeded(self, source: int, destination: int) -> int | None:
        """The fewest links between a pair that has no route of its own, if these are more than the limit."""
        if self._idle or (source, destination) in self._routed:
            return None
        reach = self._reach.get(source)
        if reach is None:
            reach = self._reach[source] = distances(self._near, source - 1)
        hops = reach[destination - 1]
        return hops if hops is not None and hops > self.limit else None

    def _everything_is_near(self, centres: set[int]) -> bool:
        """Whether no two nodes of a part can be further apart than the limit: twice the reach of any one."""
        for centre in centres:
            furthest = max(hops for hops in distances(self._near, centre) if hops is not None)
            if 2 * furthest > self.limit:
                return False
        return True
