"""Writes the rows that a step changes, and notes what was there before."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from nextmini.controller.events.orders import orders_back

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nextmini.controller.events.happening import Happening
    from nextmini.controller.events.layers import Layers, Spot
    from nextmini.controller.events.orders import Orders, Row
    from nextmini.controller.events.outcome import Record
    from nextmini.controller.events.timeline import Step
    from nextmini.controller.view import NetworkView
    from nextmini.scenario.network import Link
    from nextmini.store import LinkUpdate, Store

WAYS: tuple[Literal["forward"], Literal["backward"]] = ("forward", "backward")


@dataclass(slots=True)
class Work:
    """A step under way, and the rows that it is about.

    The orders of a step that undoes an event are found when it is written. `before` is what was there of rows
    that a step is to change; it is `again` if a controller that was killed had begun with it, and may have
    written it.
    """

    step: Step
    event: Happening
    record: Record
    orders: Orders
    rows: set[Row]
    before: dict[Spot, Any] = field(default_factory=dict)
    again: bool = False


class Changer:
    """The hand that writes."""

    def __init__(self, store: Store, view: NetworkView, layers: Layers) -> None:
        self._store = store
        self._view = view
        self._layers = layers

    def look(self, orders: Orders) -> dict[Spot, Any]:
        """What is there now where these orders may change something."""
        found: dict[Spot, Any] = {("node", id, "", "up"): self._view.nodes[id].up for id in orders.nodes}
        for update in orders.links:
            found["link", update.link, "", "up"] = self._view.links[update.link].up
            for way in WAYS:
                for key in _may_change(getattr(update, way) or {}):
                    found["link", update.link, way, key] = self._current(("link", update.link, way, key))
        return found

    async def write(self, works: Sequence[Work]) -> None:
        """Does it all, or raises ScenarioError or DatabaseError."""
        for work in works:
            if not work.step.does and not work.orders.rows:
                work.orders = orders_back(self._layers.lift(work.event.id, self._current))
        await self._write_links(works)
        await self._write_nodes(works)

    async def _write_links(self, works: Sequence[Work]) -> None:
        updates = [(work, update) for work in works for update in work.orders.links]
        if not updates:
            return
        asked = [update for _, update in updates]
        pairs = await self._store.patiently(partial(self._store.set_links, asked))
        for (work, update), (before, after) in zip(updates, pairs, strict=True):
            if work.step.does:
                self._note_link(work, update, before, after)

    async def _write_nodes(self, works: Sequence[Work]) -> None:
        changes = [(work, id, up) for work in works for id, up in work.orders.nodes.items()]
        for wanted in (False, True):
            ids = [id for _, id, up in changes if up is wanted]
            if ids:
                await self._store.patiently(partial(self._store.set_nodes_up, ids, wanted))
        for work, id, up in changes:
            if work.step.does:
                spot: Spot = ("node", id, "", "up")
                self._note(work, spot, work.before[spot], up)

    def _note_link(self, work: Work, update: LinkUpdate, before: Link, after: Link) -> None:
        if update.up is not None:
            self._note(work, ("link", update.link, "", "up"), before.up, after.up)
        for way in WAYS:
            said = getattr(update, way)
            if said is None:
                continue
            was, now = getattr(before, way).texts(), getattr(after, way).texts()
            changed = {key for key in was | now if was.get(key) != now.get(key)}
            if work.again:
                changed |= {
                    key
                    for key in _may_change(said)
                    if work.before.get(("link", update.link, way, key)) != now.get(key)
                }
            for key in said.keys() | changed:
                self._note(work, ("link", update.link, way, key), was.get(key), now.get(key))

    def _note(self, work: Work, spot: Spot, before: Any, after: Any) -> None:
        if work.again and before == after:
            before = work.before.get(spot, before)  # it had been written
        self._layers.put(work.event.id, spot, before, after, lasting=work.event.lasting)

    def _current(self, spot: Spot) -> Any:
        """What is there now."""
        kind, id, way, key = spot
        if kind == "node":
            return self._view.nodes[id].up if id in self._view.nodes else None
        link = self._view.links.get(id)
        if link is None:
            return None
        return getattr(link, way).texts().get(key) if way else link.up


def _may_change(said: Mapping[str, Any]) -> set[str]:
    """The settings that change when these are said: a rate takes a trace away without a word of it."""
    return {*said, *(("rate", "trace") if "rate" in said or "trace" in said else ())}
