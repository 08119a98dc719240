"""The forests that processes have: the one that packets take, and those that were left and linger.

A forest is the trees of all destinations at one moment, under a number that frames carry. It never changes:
when trees do, another one is planted, and the old one goes when what was under way on it has had time to
arrive. Node ids and entries are in the words of `_native.Trees`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nextmini.protocol import ForestRecord, ForestRow

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from nextmini._native import Trees

NUMBERS = 1 << 10
"""Frames have 10 bits for the number of a forest, and 20 for its destination (`nextmini_wire::id::Tree`)."""
FIRST_WAY = 1 << 30
"""Numbers of ways along trees begin here, above those of routes."""
MOST_FORESTS = 8
"""At the same time. Each takes 4 bytes a node and destination; further changes wait until one has gone."""


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees under a number; `empty_at` is when nothing is under way on them any more, once that is known."""

    number: int
    trees: Trees
    empty_at: float | None = None

    def record(self) -> ForestRecord:
        """What every process is told of it."""
        return ForestRecord(self.number, self.trees.nodes(), tuple(self.trees.chunks()))

    def row(self, node: int) -> ForestRow | None:
        """What the process of a node is told; None if the node has come since."""
        entries = self.trees.row(node)
        return None if entries is None else ForestRow(self.number, node, entries)


class Forests:
    """Numbers and forests."""

    def __init__(self) -> None:
        self.taken: int | None = None
        """The number of the one that packets take."""
        self._there: dict[int, Forest] = {}
        self._last = -1
        self._news = False

    def __iter__(self) -> Iterator[Forest]:
        """Those that processes are to have."""
        return iter(self._there.values())

    def __contains__(self, number: object) -> bool:
        return number in self._there

    @property
    def pending(self) -> bool:
        """Whether there is something that processes were not told."""
        return self._news

    def has_room(self, now: float) -> bool:
        """Whether another one need not wait."""
        self._clear(now)
        return len(self._there) < MOST_FORESTS

    def plant(self, trees: Trees, used: Container[int] = ()) -> None:
        """Packets take these trees from now on, under a number that is not `used`."""
        number = (self._last + 1) % NUMBERS
        while number in used or number in self._there:
            number = (number + 1) % NUMBERS
        self._there[number] = Forest(number, trees)
        self._last = self.taken = number
        self._news = True

    def renumber(self, number: int, used: Container[int]) -> None:
        """Some process has another forest under this number: what was planted there is no more."""
        forest = self._there.pop(number)
        if number == self.taken:
            self.plant(forest.trees, used)
        self._news = True

    def has_news(self, now: float) -> bool:
        """Whether there is something to tell processes; what is empty by now is no more."""
        self._clear(now)
        return self._news

    def _clear(self, now: float) -> None:
        gone = [f.number for f in self if f.empty_at is not None and f.empty_at <= now]
        for number in gone:
            del self._there[number]
        self._news |= bool(gone)

    def told(self) -> None:
        """Processes are told what there is."""
        self._news = False

    def left(self) -> list[Forest]:
        """Those that nobody takes any more, and of which it is not known when they are empty."""
        return [forest for forest in self if forest.number != self.taken and forest.empty_at is None]

    def linger(self, number: int, empty_at: float) -> None:
        """A forest that was left is empty then."""
        if number in self._there:
            self._there[number] = replace(self._there[number], empty_at=empty_at)

    def next_empty(self) -> float | None:
        """When the next one is."""
        return min((f.empty_at for f in self if f.empty_at is not None), default=None)

    def path(self, way: int, source: int, destination: int) -> tuple[int, ...] | None:
        """The nodes of a way along a tree, by its number on the wire, if its forest is there."""
        forest = self._there.get((way - FIRST_WAY) // (1 << 20))
        found = None if forest is None else forest.trees.path(source, destination)
        return None if found is None else tuple(found)
