"""Names of nodes from the labels and ids of a file, which may be in any language and stand there twice.

A node is called after its label, or its id if it has none. Letters lose their accents (by Unicode's
compatibility decomposition), and each run of other characters becomes one `-`. Of what is then the same, the
first in the file keeps it, and the others get `-2`, `-3` and so on. Where nothing is left, it is `n` and the
place in the file.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 48
"""Of 63 that a name may have: so that a number has room behind it, and names of flows have some left."""
_OTHERS = re.compile(r"[^A-Za-z0-9_.-]+")
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D"}
    | {"ł": "l", "Ł": "L", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "\u0131": "i"}
)


def node_names(texts: Iterable[str]) -> tuple[str, ...]:
    """A name for each text, in their order: all different, and all such as a scenario can have."""
    wanted = [_plain(text) or f"n{place}" for place, text in enumerate(texts, 1)]
    # Who is called so already is not to lose it to a number.
    taken = set(wanted)
    seen: set[str] = set()
    counts: dict[str, int] = {}
    names: list[str] = []
    for name in wanted:
        given = name
        while given in seen or (given != name and given in taken):
            counts[name] = counts.get(name, 1) + 1
            given = f"{name}-{counts[name]}"
        seen.add(given)
        names.append(given)
    return tuple(names)


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    ascii = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _OTHERS.sub("-", ascii)[:_LONGEST].strip("-_.")
