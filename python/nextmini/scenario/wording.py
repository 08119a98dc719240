"""Pieces of error messages: what was written, what may have been meant."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 60


def shown(value: object) -> str:
    """`value` as a user would write it, cut to a readable length."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of `known` that `word` is most likely meant to be, if any comes near."""
    folded = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=cutoff)
    return folded[found[0]] if found else None


def alternatives(options: Iterable[str], join: str = "or") -> str:
    """`a, b or c`."""
    names = list(options)
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {join} {names[-1]}"


def count(number: int, noun: str) -> str:
    """Such as "1 node" or "2 nodes"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
