"""Which routes take another path when something has died or is back: a decision, and nothing else.

Only routes that were computed move. One goes back to its best path as soon as that works. Else it stays
where it is while that works, since each move costs the flows on it what is under way. Else it takes the
first of its alternates that works, and where none does, a path has to be searched for. One that has no way
at all stays too, and what takes it waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from nextmini.algorithms.graph import Pair, Path
    from nextmini.controller.liveness import Dead


@dataclass(frozen=True, slots=True)
class Course:
    """A computed route: the path that it takes, its best one, and others that were found before."""

    path: Path
    best: Path
    alternates: tuple[Path, ...] = ()

    @property
    def pair(self) -> Pair:
        """Source and destination."""
        return self.path[0], self.path[-1]


@dataclass(slots=True)
class Decision:
    """What is to be done, by routes' numbers."""

    moves: dict[int, Path] = field(default_factory=dict)
    searches: dict[int, Pair] = field(default_factory=dict)
    """Routes for which no known path works."""
    held: set[int] = field(default_factory=set)
    """Routes that would move if they were not held."""


def decide(courses: Mapping[int, Course], dead: Dead, held: Container[Pair]) -> Decision:
    """What to do about these routes. Those of the pairs in `held` do not move."""
    found = Decision()
    for id, course in courses.items():
        path = choose(course, dead)
        if path == course.path:
            continue
        if course.pair in held:
            found.held.add(id)
        elif path is None:
            found.searches[id] = course.pair
        else:
            found.moves[id] = path
    return found


def choose(course: Course, dead: Dead) -> Path | None:
    """The path that a route is to take; None if a search has to tell."""
    if dead.holds_end(course.path):
        return course.path
    for path in (course.best, course.path, *course.alternates):
        if not dead.crosses(path):
            return path
    return None


def ordered(pairs: Iterable[Pair]) -> set[Pair]:
    """The pairs with the smaller number first: both directions of a pair take one path."""
    return {(min(pair), max(pair)) for pair in pairs}


def turned(path: Path | None, pair: Pair) -> Path | None:
    """The path from the first node of the pair to the second."""
    return path if path is None or path[0] == pair[0] else path[::-1]
