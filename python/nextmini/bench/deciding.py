"""An algorithm that decides whenever it can, so that its decisions can be timed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.algorithms import Algorithm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.algorithms import LinkSample, Network


class Alternate(Algorithm):
    """Moves the longest route between two paths, after each measurement of links."""

    def on_link_metrics(self, network: Network, samples: Sequence[LinkSample]) -> None:
        """To the path that the route is not on."""
        route = max(network.routes.values(), key=lambda one: len(one.path))
        first, second, third = route.path[:3]
        other = next(
            link.other(first)
            for link in network.links_at(first)
            if link.other(first) != second and network.link_between(link.other(first), third) is not None
        )
        network.set_path(route, (first, other, *route.path[2:]))
