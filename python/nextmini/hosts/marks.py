"""Marks in what a shell writes: where a command begins and ends, and with which exit code.

A mark travels with the output itself, so whatever was written before it has come when it comes. Its word is
random, so nothing that a command prints is taken for one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_EDGE = b"\x1e"
_MOST_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Began:
    """The command is being done from here on."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The command has been done; `status` is its exit code."""

    status: int


Piece = bytes | Began | Ended


class Marks:
    """The marks with a `word` of letters and digits, in a stream that comes in any parts."""

    def __init__(self, word: str) -> None:
        self._word = word
        self._mark = re.compile(re.escape(_EDGE + word.encode()) + rb"(?::(\d{1,3}))?" + re.escape(_EDGE))
        self._longest = len(_EDGE) * 2 + len(word) + 1 + _MOST_DIGITS
        self._rest = b""

    @property
    def began(self) -> str:
        """Shell code that writes the mark of a beginning."""
        return f"printf '\\036%s\\036' {self._word}"

    @property
    def ended(self) -> str:
        """Shell code that writes the mark of an end, with the exit code of what was done before it."""
        return f"printf '\\036%s:%d\\036' {self._word} $?"

    def split(self, data: bytes) -> list[Piece]:
        """What has come, in its order; what may be the beginning of a mark is held back."""
        text, pieces, at = self._rest + data, list[Piece](), 0
        for found in self._mark.finditer(text):
            pieces += [text[at : found.start()]] if found.start() > at else []
            pieces.append(Began() if found[1] is None else Ended(int(found[1])))
            at = found.end()
        edge = self._unfinished(text, at)
        pieces += [text[at:edge]] if edge > at else []
        self._rest = text[edge:]
        return pieces

    def rest(self) -> bytes:
        """What was held back, when nothing more will come."""
        rest, self._rest = self._rest, b""
        return rest

    def _unfinished(self, text: bytes, at: int) -> int:
        """Where a mark may begin whose end has not come yet; the end of the text if nowhere."""
        start = max(at, len(text) - self._longest + 1)
        opening = _EDGE + self._word.encode()
        while (start := text.find(_EDGE, start)) >= 0:
            tail = text[start:]
            if opening.startswith(tail[: len(opening)]) and tail[len(opening) :].strip(b"0123456789:") == b"":
                return start
            start += 1
        return len(text)
