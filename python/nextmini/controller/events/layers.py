"""What events have laid over what was there, so that an event can be undone while others go on.

Every thing that can change has a pile of values, from what was there at first to what is on top. To undo an
event is to take its value out of the pile: what shows then is the one below. Where somebody else has changed
the thing since, what they made of it stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Place = tuple[Literal["link", "node"], int, Literal["", "forward", "backward"]]
"""A row, or a direction of a link."""
Spot = tuple[Literal["link", "node"], int, Literal["", "forward", "backward"], str]
"""A place and a key there; `up` where it is a row."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """A value, and the event that put it there, if one did."""

    event: int | None
    value: Any


class Layers:
    """All piles."""

    def __init__(self) -> None:
        self._piles: dict[Place, dict[str, list[_Layer]]] = {}
        self._spots: dict[int, set[Spot]] = {}
        """Where an event has a layer that can be taken away."""

    def put(self, event: int, spot: Spot, before: Any, after: Any, *, lasting: bool) -> None:
        """An event has changed a thing; a `lasting` change is what is there from now on."""
        pile = self._piles.setdefault(_place(spot), {}).setdefault(spot[-1], [])
        if lasting:
            pile[:] = [_Layer(event, after)]
            return
        if pile and pile[-1].event == event:
            return  # it was written before, and that was found out only now
        if not pile or pile[-1].value != before:
            pile.append(_Layer(None, before))
        pile.append(_Layer(event, after))
        self._spots.setdefault(event, set()).add(spot)

    def spots(self, event: int) -> frozenset[Spot]:
        """What would have to be looked at to undo an event."""
        return frozenset(self._spots.get(event, ()))

    def lift(self, event: int, current: Callable[[Spot], Any]) -> dict[Spot, Any]:
        """Takes an event's layers away; returns what shows now where that is not what is there."""
        values = {}
        for spot in sorted(self._spots.pop(event, ())):
            piles = self._piles[_place(spot)]
            pile = piles[spot[-1]]
            own = next((layer for layer in reversed(pile) if layer.event == event), None)
            if own is None:
                continue  # a lasting change has taken everything away
            shows = pile[-1] is own and current(spot) == own.value
            pile.remove(own)
            if shows and pile[-1].value != own.value:
                values[spot] = pile[-1].value
            if all(layer.event is None for layer in pile):
                del piles[spot[-1]]
        return values

    def owner(self, place: Place, key: str, value: Any) -> int | None:
        """The event by which a thing has this value."""
        pile = self._piles.get(place, {}).get(key)
        return pile[-1].event if pile and pile[-1].value == value else None

    def owners(self, place: Place, values: Mapping[str, Any]) -> set[int]:
        """The events by which anything at a place is as it is; a key that is not in `values` has none."""
        keys = self._piles.get(place, {})
        found = {self.owner(place, key, values.get(key)) for key in keys}
        return {event for event in found if event is not None}


def _place(spot: Spot) -> Place:
    kind, id, way, _ = spot
    return kind, id, way
