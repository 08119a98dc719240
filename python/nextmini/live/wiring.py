"""How the nodes of a network are joined, in Mininet's words: each end of a link is an interface of its node.

`h1-eth0` is the first link of h1, in the order of the links' numbers. A node has one network device all the
same, whose address stands with its first interface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextmini.store import Desired


@dataclass(frozen=True, slots=True)
class Interface:
    """One end of a link; `address` is None but for a node's first one."""

    node: str
    number: int
    address: str | None

    def __str__(self) -> str:
        return f"{self.node}-eth{self.number}"


@dataclass(frozen=True, slots=True)
class Joined:
    """A link, by its two ends; `up` as it is wanted."""

    ends: tuple[Interface, Interface]
    up: bool


@dataclass(frozen=True, slots=True)
class Wiring:
    """Addresses and interfaces of all nodes, by the node's name and in the nodes' order, and all links."""

    addresses: dict[str, str]
    interfaces: dict[str, list[Interface]]
    links: list[Joined]

    @classmethod
    def of(cls, desired: Desired) -> Wiring:
        """That of an experiment's rows."""
        nodes = {id: desired.nodes[id] for id in sorted(desired.nodes)}
        interfaces: dict[str, list[Interface]] = {node.name: [] for node in nodes.values()}

        def end(node: int) -> Interface:
            row = nodes[node]
            there = interfaces[row.name]
            there.append(Interface(row.name, len(there), row.address if not there else None))
            return there[-1]

        links = []
        for id in sorted(desired.links):
            link = desired.links[id]
            up = link.up and nodes[link.a].up and nodes[link.b].up
            links.append(Joined((end(link.a), end(link.b)), up))
        return cls({node.name: node.address for node in nodes.values()}, interfaces, links)

    def peers(self) -> dict[str, list[Interface]]:
        """Of each node the interfaces at the other ends of its own, in their order."""
        found: dict[str, list[Interface]] = {node: [] for node in self.interfaces}
        # Interfaces are numbered in the order of links.
        for link in self.links:
            for ours, theirs in (link.ends, link.ends[::-1]):
                found[ours.node].append(theirs)
        return found
