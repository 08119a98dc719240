"""The numbers that routes have on the wire.

A frame in flight says "route 7, third node", so what route 7 is must never change under it. A row keeps its
own number until somebody changes its path; from then on it has another one, from a range that rows do not
use, and the old number is retired: it goes away once its source has stopped using it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_ALIAS = 2**31
"""Above every row's number (a 32-bit integer with a sign), within the wire's 32 bits."""


@dataclass(slots=True)
class RouteNames:
    """Row numbers to wire numbers and back."""

    _wire_of: dict[int, int] = field(default_factory=dict)
    _row_of: dict[int, int] = field(default_factory=dict)
    _path_of: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _retired: set[int] = field(default_factory=set)
    _next_alias: int = FIRST_ALIAS

    def name(self, row: int, path: tuple[int, ...]) -> int:
        """The wire number of a row with this path; a changed path gets a new one and retires the old one."""
        wire = self._wire_of.get(row)
        if wire is not None:
            if self._path_of[wire] == path:
                return wire
            self._retired.add(wire)
        wire = row
        if wire in self._path_of and self._path_of[wire] != path:
            wire, self._next_alias = self._next_alias, self._next_alias + 1
        self._wire_of[row] = wire
        self._row_of[wire] = row
        self._path_of[wire] = path
        self._retired.discard(wire)
        return wire

    def wire(self, row: int) -> int | None:
        """The row's number on the wire, if it has one now."""
        return self._wire_of.get(row)

    def retire(self, row: int) -> None:
        """The row is gone, or has no place any more."""
        wire = self._wire_of.pop(row, None)
        if wire is not None:
            self._retired.add(wire)

    def retired(self) -> Iterator[int]:
        """Wire numbers that processes may still have to be rid of."""
        return iter(tuple(self._retired))

    def gone(self, wire: int) -> None:
        """No process has this retired number any more."""
        self._retired.discard(wire)

    def row(self, wire: int) -> int | None:
        """The row that has, or last had, this number on the wire."""
        return self._row_of.get(wire)

    def path(self, wire: int) -> tuple[int, ...] | None:
        """The nodes behind a number on the wire."""
        return self._path_of.get(wire)
