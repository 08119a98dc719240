"""What of the network does not work at present, by its rows and by what processes have confirmed.

A link is dead if it was taken down, if a node at its end is dead, if its processes report it down, or if
they could not have it. A node is dead if it was taken down, has failed, or if nothing is known of it since
its process was lost. What comes back is dead until it is confirmed; what never was there is not dead before
something is known of it, so that a network may start in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from nextmini.algorithms.graph import pair_of, steps_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.algorithms.graph import Pair, Path
    from nextmini.controller.actual import Kind, Row, RowState
    from nextmini.controller.view import NetworkView


@dataclass(frozen=True)
class Dead:
    """Nodes and links that do not work; `steps` are pairs of nodes that no working link joins."""

    nodes: frozenset[int] = frozenset()
    links: frozenset[int] = frozenset()
    steps: frozenset[Pair] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.nodes or self.links)

    def crosses(self, path: Path) -> bool:
        """Whether a path leads over anything dead."""
        if self._touched.isdisjoint(path):
            return False
        return not self.nodes.isdisjoint(path) or not self.steps.isdisjoint(steps_of(path))

    def holds_end(self, path: Path) -> bool:
        """Whether an end of a path is dead: then no other path is better."""
        return path[0] in self.nodes or path[-1] in self.nodes

    @cached_property
    def _touched(self) -> frozenset[int]:
        """Nodes without which a path crosses nothing dead: most paths have none of them."""
        return self.nodes | {node for step in self.steps for node in step}


class Liveness:
    """What is known of rows that do not work."""

    def __init__(self) -> None:
        self._bad: dict[Kind, set[int]] = {"node": set(), "link": set()}

    def take(self, states: Mapping[Row, RowState | None]) -> bool:
        """Takes in states that changed; returns whether something died or came back."""
        news = False
        for (kind, id), state in states.items():
            bad = self._bad.get(kind)
            if bad is None or (state is not None and state.status == "pending"):
                continue
            dead = state is not None and state.status in ("down", "rejected", "failed")
            if dead != (id in bad):
                news = True
                (bad.add if dead else bad.discard)(id)
        return news

    def dead(self, view: NetworkView) -> Dead:
        """All that does not work."""
        nodes = {id for id, node in view.nodes.items() if not node.up or id in self._bad["node"]}
        links = {
            id
            for id, link in view.links.items()
            if not link.up
            or link.a in nodes
            or link.b in nodes
            or id in view.unusable
            or (id in self._bad["link"] and not view.stands(id))
        }
        pairs = {pair_of(view.links[id].a, view.links[id].b) for id in links}
        steps = {pair for pair in pairs if view.links_between.get(pair, set()) <= links}
        return Dead(frozenset(nodes), frozenset(links), frozenset(steps))
