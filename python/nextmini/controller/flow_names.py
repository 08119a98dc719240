"""The numbers that flows have for dataplane processes.

A flow that is begun again, since a process with an end of it was lost, must not be taken for what it was:
some of the old one may still be under way, and an end that lives on remembers it. So it has another number
then, from a range that rows do not use, and whatever is said of the old one is about nothing any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_ALIAS = 2**30
"""Rows have smaller numbers; the dataplane keeps those from 2**31 on for itself."""


@dataclass(slots=True)
class FlowNames:
    """Row numbers to wire numbers and back; a flow that never began again has its row's."""

    _alias_of: dict[int, int] = field(default_factory=dict)
    _row_of: dict[int, int] = field(default_factory=dict)
    _late: dict[int, float] = field(default_factory=dict)
    _retired: set[int] = field(default_factory=set)
    """Numbers that processes may still have to be rid of."""
    _next: int = FIRST_ALIAS

    def wire(self, row: int) -> int:
        """The flow's number now."""
        return self._alias_of.get(row, row)

    def row(self, wire: int) -> int | None:
        """The flow that has this number now; None if what had it was begun again."""
        row = self._row_of.get(wire) if wire >= FIRST_ALIAS else wire
        return row if row is not None and self.wire(row) == wire else None

    def late(self, row: int) -> float:
        """How long flows could begin already when this one was begun again, in s; 0 if it never was."""
        return self._late.get(row, 0.0)

    @property
    def any_renewed(self) -> bool:
        """Whether any flow has begun again."""
        return bool(self._alias_of)

    def renew(self, row: int, late: float) -> None:
        """Gives the flow another number: it begins again, `late` seconds after flows first could."""
        self._retired.add(self.wire(row))
        self._alias_of[row] = self._next
        self._row_of[self._next] = row
        self._late[row] = late
        self._next += 1

    def forget(self, row: int) -> None:
        """The flow is gone; another one may have its number."""
        alias = self._alias_of.pop(row, None)
        if alias is not None:
            self._retired.add(alias)
            del self._late[row]

    def retired(self) -> tuple[int, ...]:
        """Numbers that are to go."""
        return tuple(self._retired)

    def gone(self, wire: int) -> None:
        """No process has this retired number any more."""
        self._retired.discard(wire)
        self._row_of.pop(wire, None)
