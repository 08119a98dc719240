"""How many packets events touched: those that entered a direction of a link while it was as an event made it.

While a link is down, that is the doing of what took it down. While it is up, it is the doing of what brought
it up, and of everything whose settings are in force on that direction.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.controller.events.layers import Layers, Place
    from nextmini.controller.view import NetworkView
    from nextmini.protocol import LinkCounters

Direction = tuple[int, int]
"""A link and the node that sends."""
Events = frozenset[int]


@dataclass(slots=True)
class _Stretch:
    """Since `entered` packets had entered, these events touch what enters."""

    entered: int
    events: Events


class Tally:
    """Stretches of time between changes, by direction."""

    def __init__(self) -> None:
        self._open: dict[Direction, _Stretch] = {}
        self._touched: Counter[int] = Counter()

    def mark(self, direction: Direction, entered: int, events: Events) -> None:
        """The direction changed when so many packets had entered; `events` touch those that come after."""
        self._close(direction, entered)
        known = self._open.get(direction)
        self._open[direction] = _Stretch(max(entered, known.entered if known else 0), events)

    def attribute(self, direction: Direction, events: Events) -> None:
        """Packets since the last mark are touched by `events`."""
        if direction in self._open:
            self._open[direction].events = events

    def touched(self, counters: Mapping[Direction, LinkCounters]) -> dict[int, int]:
        """Packets by event, up to these counters."""
        total = self._touched.copy()
        for direction, stretch in self._open.items():
            newest = counters.get(direction)
            packets = max(0, newest.entered - stretch.entered) if newest else 0
            for event in stretch.events:
                total[event] += packets
        return dict(total)

    def _close(self, direction: Direction, entered: int) -> None:
        stretch = self._open.get(direction)
        if stretch is not None:
            for event in stretch.events:
                self._touched[event] += max(0, entered - stretch.entered)


def causes(layers: Layers, view: NetworkView, direction: Direction) -> Events:
    """The events by which a direction is as it is."""
    id, sender = direction
    link = view.links.get(id)
    if link is None or link.a not in view.nodes or link.b not in view.nodes:
        return frozenset()
    rows: list[tuple[Place, bool]] = [
        (("link", id, ""), link.up),
        (("node", link.a, ""), view.nodes[link.a].up),
        (("node", link.b, ""), view.nodes[link.b].up),
    ]
    works = all(up for _, up in rows)
    found = {layers.owner(place, "up", up) for place, up in rows if up == works}
    if works:
        if sender == link.a:
            found |= layers.owners(("link", id, "forward"), link.forward.texts())
        else:
            found |= layers.owners(("link", id, "backward"), link.backward.texts())
    return frozenset(event for event in found if event is not None)
