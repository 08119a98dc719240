"""A route, in a program's hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.live import routes

if TYPE_CHECKING:
    from nextmini.api.network import Network
    from nextmini.api.nodes import Node


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a network that runs, by its number."""

    network: Network
    id: int

    def set(self, *path: Node | str, weight: int | None = None) -> dict[str, Any]:
        """Gives it another path (without nodes: the one that it has), another weight or both.

        Its flows move with it, and nothing of them is lost; a weight is for flows that begin. Returns what is
        in force then. Raises LiveError if that cannot be, RunError if it does not come into force.
        """
        names = [str(node) for node in path]
        return self.network.live.do(lambda store, _: routes.set_route(store, self.id, names, weight))[0]

    def remove(self) -> None:
        """Takes it away: its flows take the others of their pair. Raises LiveError if it is not there."""
        self.network.live.do(lambda store, _: routes.remove_route(store, self.id))
