"""The numbers that routes have on the wire.

A frame in flight says "route 7, third node", so what route 7 is must never change under it. A row keeps its
own number until somebody changes its path; from then on it has another one, from a range that rows do not
use, and the old number is retired: it goes away once its source has stopped using it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LAST_NUMBER = 16_000_000
"""A frame has 24 bits for a route, and the dataplane keeps some numbers for itself."""
FIRST_ALIAS = LAST_NUMBER // 2 + 1
"""A row whose own number is below this one begins with that."""
KEPT_AT_ONCE = 256
"""Aliases of which note is taken together."""


def _nothing(_: int) -> None:
    """Nobody goes on with this."""


@dataclass(slots=True)
class RouteNames:
    """Row numbers to wire numbers and back."""

    _wire_of: dict[int, int] = field(default_factory=dict)
    _row_of: dict[int, int] = field(default_factory=dict)
    _path_of: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _retired: set[int] = field(default_factory=set)
    _next_alias: int = FIRST_ALIAS
    _free: deque[int] = field(default_factory=deque)
    """Aliases that are out of use, longest first."""
    keep: Callable[[int], None] = _nothing
    """Is told that aliases below a number may be given from now on, before one of them is."""
    _kept: int = FIRST_ALIAS

    def resume(self, gone: Iterable[int], kept: int | None) -> list[int]:
        """Goes on for somebody who was killed; returns the numbers to take from processes that have them.

        These are those of rows that are gone, and all aliases: rows have their own numbers again. `kept` is
        what `keep` was told last.
        """
        kept = kept or FIRST_ALIAS
        self._next_alias = self._kept = kept
        found = [*gone, *range(FIRST_ALIAS, kept)]
        self._retired.update(found)
        return found

    def name(self, row: int, path: tuple[int, ...]) -> int:
        """The wire number of a row with this path; a changed path gets a new one and retires the old one."""
        wire = self._wire_of.get(row)
        if wire is not None:
            if self._path_of[wire] == path:
                return wire
            self._retired.add(wire)
        wire = row
        if row >= FIRST_ALIAS or self._path_of.get(row, path) != path:
            wire = self._alias()
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
        if wire >= FIRST_ALIAS:
            self._free.append(wire)

    def _alias(self) -> int:
        """A number that no process has; one that was in use before only when there is no other."""
        if self._next_alias <= LAST_NUMBER or not self._free:
            if self._next_alias >= self._kept:
                self._kept = self._next_alias + KEPT_AT_ONCE
                self.keep(self._kept)
            self._next_alias += 1
            return self._next_alias - 1
        return self._free.popleft()

    def row(self, wire: int) -> int | None:
        """The row that has, or last had, this number on the wire."""
        return self._row_of.get(wire)

    def path(self, wire: int) -> tuple[int, ...] | None:
        """The nodes behind a number on the wire."""
        return self._path_of.get(wire)
