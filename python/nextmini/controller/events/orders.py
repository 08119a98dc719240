"""What an event changes: the rows of links and nodes that it is about, when its time has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from nextmini.algorithms.graph import pair_of
from nextmini.errors import RunError
from nextmini.store import LinkUpdate

if TYPE_CHECKING:
    from nextmini.controller.events.happening import Happening
    from nextmini.controller.events.layers import Spot
    from nextmini.controller.view import NetworkView
    from nextmini.scenario.network import Link

Row = tuple[Literal["link", "node"], int]


@dataclass(slots=True)
class Orders:
    """Changes to rows: links, and whether nodes work."""

    links: list[LinkUpdate] = field(default_factory=list)
    nodes: dict[int, bool] = field(default_factory=dict)

    @property
    def rows(self) -> set[Row]:
        """The rows that change."""
        links: set[Row] = {("link", update.link) for update in self.links}
        return links | {("node", id) for id in self.nodes}


def orders(event: Happening, view: NetworkView) -> Orders:
    """What the event changes. Raises RunError if what it is about is not there."""
    if event.node is not None:
        return Orders(nodes={_node(event.node, view): event.kind == "restart"})
    links = _cut(event, view) if event.link is None else _between(*event.link, view)
    if event.kind == "set":
        return Orders([_set(event, link, view) for link in links])
    return Orders([LinkUpdate(link.id, up=event.kind in ("up", "heal")) for link in links])


def orders_back(values: dict[Spot, Any]) -> Orders:
    """What puts these values in their places; None takes a setting away."""
    back = Orders()
    links: dict[int, dict[str, Any]] = {}
    for (kind, id, way, key), value in values.items():
        if kind == "node":
            back.nodes[id] = value
        elif way == "":
            links.setdefault(id, {})["up"] = value
        else:
            links.setdefault(id, {}).setdefault(way, {})[key] = value
    back.links = [LinkUpdate(id, **keys) for id, keys in links.items()]
    return back


def _node(name: str, view: NetworkView) -> int:
    for node in view.nodes.values():
        if node.name == name:
            return node.id
    raise RunError(f"there is no node {name}")


def _between(a: str, b: str, view: NetworkView) -> list[Link]:
    ids = view.links_between.get(pair_of(_node(a, view), _node(b, view)), set())
    if not ids:
        raise RunError(f"there is no link between {a} and {b}")
    return [view.links[id] for id in sorted(ids)]


def _cut(event: Happening, view: NetworkView) -> list[Link]:
    """The links from one group to another."""
    groups = {_node(name, view): number for number, group in enumerate(event.groups) for name in group}
    crossing = [
        link
        for link in view.links.values()
        if link.a in groups and link.b in groups and groups[link.a] != groups[link.b]
    ]
    if not crossing:
        raise RunError("no link leads from one of the groups to another")
    return crossing


def _set(event: Happening, link: Link, view: NetworkView) -> LinkUpdate:
    turned = event.link is not None and view.name(link.a) != event.link[0]
    first, second = ("backward", "forward") if turned else ("forward", "backward")
    ways = {"both": (first, second), "forward": (first,), "backward": (second,)}[event.which]
    return LinkUpdate(
        link.id,
        forward=event.settings if "forward" in ways else None,
        backward=event.settings if "backward" in ways else None,
    )
