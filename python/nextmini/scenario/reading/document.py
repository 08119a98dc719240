"""A scenario file that has been read but not understood yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nextmini.scenario.findings import Path


@dataclass(frozen=True, slots=True)
class Document:
    """The data of a file; `lines` finds the line (from 1) of each key, table and item in it.

    That takes as long as reading does, and is only asked for when there is a problem to be told.
    """

    data: Any
    lines: Callable[[], Mapping[Path, int]]


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that makes a file unreadable as TOML, YAML or JSON."""

    line: int | None
    key: str
    message: str
    remedy: str | None = None


class UnreadableError(Exception):
    """The file cannot be read; `flaws` says why."""

    def __init__(self, *flaws: Flaw) -> None:
        super().__init__("; ".join(flaw.message for flaw in flaws))
        self.flaws = flaws


def twice(key: str, line: int, first: int) -> Flaw:
    """The flaw of a key that stands in two places."""
    return Flaw(line, key, f"stands there twice, first in line {first}", "keep one of the two")


def nested_too_deeply() -> UnreadableError:
    """What is said of thousands of brackets within each other."""
    return UnreadableError(Flaw(None, "syntax", "lists or tables are nested too deeply", "nest them less"))


def number_too_long() -> UnreadableError:
    """What is said of a number of more than 4300 digits, which Python refuses to convert."""
    return UnreadableError(Flaw(None, "syntax", "a number has thousands of digits", "write a shorter one"))
