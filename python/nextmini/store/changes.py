"""What announcements say, and how many of them become one set."""

from __future__ import annotations

import json

from nextmini.store.rows import RESYNC, Change

# More ids than this are read faster as a whole table.
_MOST_IDS = 5000


def parse(payload: str) -> Change:
    """What an announcement says. Anyone may send one: what cannot be understood asks for a RESYNC."""
    try:
        said = json.loads(payload)
        ids = said.get("ids")
        return Change(str(said["table"]), str(said["op"]), None if ids is None else frozenset(map(int, ids)))
    except (ValueError, TypeError, KeyError, AttributeError):
        return RESYNC


class ChangeSet:
    """Changes that wait for their reader: one for each table and operation, however many come."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], set[int] | None] = {}

    def __bool__(self) -> bool:
        return bool(self._ids)

    def add(self, change: Change) -> None:
        """Joins a change with those of the same table and operation."""
        key = (change.table, change.op)
        known = self._ids.setdefault(key, set())
        if known is None:
            return
        if change.ids is None or len(known | change.ids) > _MOST_IDS:
            self._ids[key] = None
        else:
            known |= change.ids

    def take(self) -> frozenset[Change]:
        """All changes since the last time."""
        taken, self._ids = self._ids, {}
        return frozenset(
            Change(table, op, None if ids is None else frozenset(ids)) for (table, op), ids in taken.items()
        )
