"""The numbers that routes have on the wire.

A frame in flight says "route 7, third node", so what route 7 is must never change under it. A row keeps its
own number until somebody changes its path; from then on it has another one, from a range that rows do not
use, and the old number is retired: no flow takes it any more, and it goes away when what was under way on it
has had time to arrive. A row that has the same path again meanwhile has the same number again.
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
SPARE = 4096
"""So many numbers that went away are remembered; the oldest are given again, or forgotten."""


def _nothing(_: int) -> None:
    """Nobody goes on with this."""


@dataclass(slots=True)
class RouteNames:
    """Row numbers to wire numbers and back."""

    _wire_of: dict[int, int] = field(default_factory=dict)
    _row_of: dict[int, int] = field(default_factory=dict)
    _path_of: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _retired: dict[int, float] = field(default_factory=dict)
    """And when nothing is under way on them any more, in s."""
    _leaving: set[int] = field(default_factory=set)
    """Those of which sources are to be told that no flow takes them any more."""
    _retired_as: dict[tuple[int, tuple[int, ...]], int] = field(default_factory=dict)
    """Retired numbers by row and path."""
    _next_alias: int = FIRST_ALIAS
    _gone: deque[int] = field(default_factory=deque)
    """Numbers that no process has any more, longest first."""
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
        self._retired.update(dict.fromkeys(found, 0.0))
        return found

    def name(self, row: int, path: tuple[int, ...], empty_at: float = 0.0) -> int:
        """The wire number of a row with this path; a changed path gets a new one and retires the old one.

        From `empty_at` on nothing is under way on the old one.
        """
        wire = self._wire_of.get(row)
        if wire is not None:
            if self._path_of[wire] == path:
                return wire
            self.retire(row, empty_at)
        wire = self._retired_as.pop((row, path), row)
        if wire == row and (row >= FIRST_ALIAS or self._path_of.get(row, path) != path):
            wire = self._alias()
        self._wire_of[row] = wire
        self._row_of[wire] = row
        self._path_of[wire] = path
        self._retired.pop(wire, None)
        self._leaving.discard(wire)
        return wire

    def wire(self, row: int) -> int | None:
        """The row's number on the wire, if it has one now."""
        return self._wire_of.get(row)

    def retire(self, row: int, empty_at: float = 0.0) -> None:
        """The row is gone, or has no place any more; `empty_at` as in `name`."""
        wire = self._wire_of.pop(row, None)
        if wire is not None:
            self._retired[wire] = empty_at
            self._leaving.add(wire)
            self._retired_as[row, self._path_of[wire]] = wire

    def retired(self, now: float = 0.0) -> Iterator[int]:
        """Wire numbers that processes may still have to be rid of, and that are empty by now."""
        return iter([wire for wire, empty_at in self._retired.items() if empty_at <= now])

    def next_empty(self, now: float) -> float | None:
        """When the next retired number is empty that is not by now."""
        return min((empty_at for empty_at in self._retired.values() if empty_at > now), default=None)

    def take_leaving(self, now: float) -> list[int]:
        """Retired numbers that are not empty yet, and that no flow is to take; each is returned once."""
        leaving, self._leaving = self._leaving, set()
        return [wire for wire in leaving if self._retired.get(wire, now) > now]

    def tell_leaving_again(self) -> None:
        """Somebody may not have heard of it."""
        self._leaving |= self._retired.keys()

    def gone(self, wire: int) -> None:
        """No process has this retired number any more."""
        self._retired.pop(wire, None)
        self._leaving.discard(wire)
        row = self._row_of.get(wire)
        if row is not None:
            self._retired_as.pop((row, self._path_of[wire]), None)
        self._gone.append(wire)
        while len(self._gone) > SPARE and self._gone[0] < FIRST_ALIAS:
            self._forget(self._gone.popleft())

    def _alias(self) -> int:
        """A number that no process has: of those that were in use before, the one that is gone longest."""
        while len(self._gone) > SPARE or (self._gone and self._next_alias > LAST_NUMBER):
            wire = self._gone.popleft()
            if wire >= FIRST_ALIAS:
                return wire
            self._forget(wire)
        if self._next_alias >= self._kept:
            self._kept = self._next_alias + KEPT_AT_ONCE
            self.keep(self._kept)
        self._next_alias += 1
        return self._next_alias - 1

    def _forget(self, wire: int) -> None:
        row = self._row_of.get(wire)
        if wire not in self._retired and row is not None and self._wire_of.get(row) != wire:
            del self._row_of[wire], self._path_of[wire]

    def row(self, wire: int) -> int | None:
        """The row that has, or last had, this number on the wire."""
        return self._row_of.get(wire)

    def path(self, wire: int) -> tuple[int, ...] | None:
        """The nodes behind a number on the wire."""
        return self._path_of.get(wire)
