"""What a set of change notices means for the rows that the controller has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from nextmini.controller.view import Dirty
from nextmini.store import Change, ChangeSet, Desired

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nextmini.controller.flows import FlowTracker
    from nextmini.controller.view import NetworkView
    from nextmini.store import Store

T = TypeVar("T")

TABLES = ("nodes", "links", "routes", "flows", "flow_routes", "classes", "traces")


def ids_by_table(changes: Iterable[Change], known_routes: set[int]) -> dict[str, frozenset[int] | None]:
    """Which ids to look at in which table; None stands for all of them.

    `known_routes` are routes whose insertion needs no look, since the controller made them; those that are
    announced here are taken out of the set.
    """
    found: dict[str, frozenset[int] | None] = {}
    for change in changes:
        if change.table == "*":
            known_routes.clear()
            return dict.fromkeys(TABLES)
        if change.table not in TABLES:
            continue
        ids = change.ids
        if change.table == "routes" and change.op == "insert" and ids is not None:
            news = ids - known_routes
            known_routes -= ids
            ids = news
        before = found.setdefault(change.table, frozenset())
        found[change.table] = None if before is None or ids is None else before | ids
    return {table: ids for table, ids in found.items() if ids is None or ids}


def changed_rows(
    known: Mapping[int, T], read: Mapping[int, T], ids: frozenset[int] | None
) -> dict[int, T | None]:
    """The rows of `ids` that are not what is known of them; None where a row is gone."""
    candidates = known.keys() | read.keys() if ids is None else ids
    return {id: read.get(id) for id in candidates if read.get(id) != known.get(id)}


class DesiredReader:
    """Keeps a view up to date with the database, reading no more than what changed."""

    def __init__(self, store: Store, view: NetworkView, flows: FlowTracker) -> None:
        self.own_routes: set[int] = set()
        """Routes that the controller has inserted and taken over itself."""
        self.loaded = False
        """Whether everything was read once."""
        self._store = store
        self._view = view
        self._flows = flows
        self._pending = ChangeSet()

    def announce(self, changes: Iterable[Change]) -> None:
        """These changes are to be read."""
        for change in changes:
            self._pending.add(change)

    async def read(self) -> News:
        """Takes over what was announced. Raises DatabaseError, and then remembers what to read."""
        taken = self._pending.take()
        taken |= self._pins_with(taken)
        ids = ids_by_table(taken, self.own_routes)
        if not ids:
            return News(Dirty(), [], False, set())
        try:
            # Nothing to begin with, so that reading costs what changed, not what there is.
            read = await self._store.refresh(Desired(), taken)
        except BaseException:
            self.announce(taken)
            raise

        def changed(table: str, known: Mapping[int, T], rows: Mapping[int, T]) -> dict[int, T | None]:
            return changed_rows(known, rows, ids[table]) if table in ids else {}

        view = self._view
        flows = changed("flows", view.flows, read.flows)
        pins = changed("flow_routes", view.pins, read.pins)
        dirty = view.replace(
            changed("nodes", view.nodes, read.nodes),
            changed("links", view.links, read.links),
            changed("routes", view.routes, read.routes),
            flows,
            changed("classes", view.classes, read.classes),
            changed("traces", view.traces, read.traces),
            pins,
        )
        self.loaded = True
        unpinned = {id for id, pin in pins.items() if pin is None}
        ended = [id for id, flow in flows.items() if self._flows.replace(id, flow)]
        return News(dirty, ended, "nodes" in ids or "links" in ids, unpinned)

    def _pins_with(self, changes: Iterable[Change]) -> set[Change]:
        """Pins that are to be read with these changes, although they may be announced a moment later.

        A flow must not begin before it is known which route it is to take, nor be left on one that is gone.
        """
        found = set()
        for change in changes:
            if change.table == "flows":
                found.add(replace(change, table="flow_routes"))
            elif change.table == "routes" and change.ids is not None:
                pinned = (self._view.pinned_to(id) for id in change.ids)
                ids: frozenset[int] = frozenset().union(*pinned)
                if ids:
                    found.add(Change("flow_routes", "update", ids))
        return found


@dataclass(frozen=True, slots=True)
class News:
    """What reading brought."""

    dirty: Dirty
    ended_flows: list[int]
    """Flows that are over because their rows are gone."""
    topology: bool
    """Whether nodes or links may have changed."""
    unpinned: set[int]
    """Flows that need not take a certain route any more."""
