"""Which nodes are meant by words such as `h1` or `h[1-4]`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nextmini.live.choice import LiveError
from nextmini.live.session import no_node

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MOST_NAMES = 100_000
_RANGES = re.compile(r"\[([0-9,-]+)\]")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def select(words: Sequence[str], names: Iterable[str]) -> list[str]:
    """The nodes that are meant, each once, in the order of the words.

    `h[1-3,7]` stands for h1, h2, h3 and h7; a name may have several such ranges. Raises LiveError for one
    that is not in `names`, and for a range that makes no sense.
    """
    known = dict.fromkeys(names)
    meant = list(dict.fromkeys(name for word in words for name in expand(word)))
    for name in meant:
        if name not in known:
            raise no_node(name, known)
    return meant


def expand(word: str) -> Iterator[str]:
    """The names that a word stands for. Raises LiveError if a range of it makes no sense."""
    found = _RANGES.search(word)
    if found is None:
        yield word
        return
    before, after = word[: found.start()], word[found.end() :]
    for number in _numbers(found[1], word):
        for rest in expand(after):
            yield f"{before}{number}{rest}"


def _numbers(text: str, word: str) -> Iterator[str]:
    for part in text.split(","):
        bounds = _RANGE.fullmatch(part)
        first, last = (bounds[1], bounds[2] or bounds[1]) if bounds else ("1", "0")
        count = int(last) - int(first) + 1
        if not 0 < count <= MOST_NAMES:
            raise LiveError(
                f"{word!r}: [{text}] is no range of numbers", "write it as in h[1-4] or h[1,3,5-7]"
            )
        # As many digits as the first bound has: h[08-10] is h08, h09, h10.
        width = len(first) if first.startswith("0") else 0
        yield from (f"{number:0{width}}" for number in range(int(first), int(last) + 1))
