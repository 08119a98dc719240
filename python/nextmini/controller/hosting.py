"""What nodes need on a machine before a process can host them; who provides it is told of by the
experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nextmini.scenario import Node


class Hosting(Protocol):
    """Provides for nodes."""

    async def follow(self, nodes: Collection[Node]) -> Mapping[int, str]:
        """Provides for all of these nodes and for no others; returns why some cannot be hosted, by number."""
        ...


class NothingNeeded:
    """Nodes that are user space only."""

    async def follow(self, nodes: Collection[Node]) -> Mapping[int, str]:
        """See Hosting."""
        return {}
