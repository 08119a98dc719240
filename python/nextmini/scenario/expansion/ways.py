"""Whether something can get from one node to another at all."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from nextmini.scenario.expansion.hops import HopLimits
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from nextmini.scenario.expansion.links import Web
    from nextmini.scenario.expansion.nodes import Cast
    from nextmini.scenario.network import Route


class Ways:
    """Finds pairs of nodes that no path joins, or none within the hop limit."""

    def __init__(self, cast: Cast, web: Web, routes: tuple[Route, ...]) -> None:
        self._cast = cast
        self._web = web
        self._limits = HopLimits(cast, web, routes)

    @cached_property
    def _degrees(self) -> Counter[int]:
        return Counter(chain.from_iterable((link.a, link.b) for link in self._web.links))

    def degree(self, node: int) -> int:
        """How many links a node has."""
        return self._degrees[node]

    def ends(self, source: int, destination: int) -> str:
        """A pair by its names."""
        one, other = self._cast.nodes[source - 1].name, self._cast.nodes[destination - 1].name
        return f"{shown(one)} to {shown(other)}"

    def blocked(self, source: int, destination: int) -> tuple[str, str] | None:
        """What keeps anything from getting there, if something does, and the remedy."""
        if not self._web.reaches(source, destination):
            message = f"there is no path from {self.ends(source, destination)}"
            return message, "add links that join them, or choose other nodes"
        hops = self._limits.exceeded(source, destination)
        if hops is not None:
            names, limit = self.ends(source, destination), self._limits.limit
            message = f"from {names} it is {hops} links, and network.hop_limit is {limit}"
            return message, "write a higher hop_limit, or leave it out"
        return None
