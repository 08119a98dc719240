"""What the Nextmini paper states in words of its figures; see `bench/paper.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "paper.toml"


@dataclass(frozen=True, slots=True)
class Statement:
    """Of a figure; of one of its panels if there is a `value` to be drawn there, `at` a place or across."""

    figure: str
    text: str
    short: str = ""
    panel: str | None = None
    value: float | None = None
    at: float | None = None


@cache
def statements() -> tuple[Statement, ...]:
    """All of them."""
    said = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return tuple(Statement(**one) for one in said["statements"])


def said_of(figure: str, panel: str | None = None) -> list[Statement]:
    """Those of a figure, or of one panel."""
    return [one for one in statements() if one.figure == figure and panel in (None, one.panel)]
