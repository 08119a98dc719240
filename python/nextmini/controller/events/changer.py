"""Writes the rows that a step changes, and notes what was there before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from nextmini.controller.events.orders import orders_back

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    The orders of a step that undoes an event are found when it is written.
    """

    step: Step
    event: Happening
    record: Record
    orders: Orders
    rows: set[Row]


class Changer:
    """The hand that writes."""

    def __init__(self, store: Store, view: NetworkView, layers: Layers) -> None:
        self._store = store
        self._view = view
        self._layers = layers

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
                self._note_link(work.event, update, before, after)

    async def _write_nodes(self, works: Sequence[Work]) -> None:
        changes = [(work, id, up) for work in works for id, up in work.orders.nodes.items()]
        for wanted in (False, True):
            ids = [id for _, id, up in changes if up is wanted]
            if ids:
                await self._store.patiently(partial(self._store.set_nodes_up, ids, wanted))
        for work, id, up in changes:
            if work.step.does:
                before = self._current(("node", id, "", "up"))
                self._note(work.event, ("node", id, "", "up"), before, up)

    def _note_link(self, event: Happening, update: LinkUpdate, before: Link, after: Link) -> None:
        if update.up is not None:
            self._note(event, ("link", update.link, "", "up"), before.up, after.up)
        for way in WAYS:
            said = getattr(update, way)
            if said is None:
                continue
            was, now = getattr(before, way).texts(), getattr(after, way).texts()
            # A rate takes a trace away without a word of it.
            for key in said.keys() | {key for key in was | now if was.get(key) != now.get(key)}:
                self._note(event, ("link", update.link, way, key), was.get(key), now.get(key))

    def _note(self, event: Happening, spot: Spot, before: Any, after: Any) -> None:
        self._layers.put(event.id, spot, before, after, lasting=event.lasting)

    def _current(self, spot: Spot) -> Any:
        """What is there now."""
        kind, id, way, key = spot
        if kind == "node":
            return self._view.nodes[id].up if id in self._view.nodes else None
        link = self._view.links.get(id)
        if link is None:
            return None
        return getattr(link, way).texts().get(key) if way else link.up
