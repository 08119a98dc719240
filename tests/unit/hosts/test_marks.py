from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextmini.hosts.marks import Began, Ended, Marks, Piece

BEGAN, ENDED = b"\x1eword\x1e", b"\x1eword:7\x1e"


def joined(pieces: list[Piece]) -> list[Piece]:
    """Texts that follow each other in one piece."""
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if isinstance(piece, bytes) and isinstance(last, bytes):
            found[-1] = last + piece
        else:
            found.append(piece)
    return found


def test_text_and_marks_come_in_their_order() -> None:
    marks = Marks("word")
    assert marks.split(b"a" + BEGAN + b"b\n" + ENDED + b"c") == [b"a", Began(), b"b\n", Ended(7), b"c"]


def test_the_beginning_of_a_mark_is_held_back_until_it_is_known_what_it_is() -> None:
    marks = Marks("word")
    assert marks.split(b"text\x1ewo") == [b"text"]
    assert marks.split(b"rd:12") == []
    assert marks.split(b"7\x1e") == [Ended(127)]
    assert marks.split(b"\x1ewo") == []
    assert marks.split(b"nder") == [b"\x1ewonder"]
    assert marks.split(b"\x1e") == []
    assert marks.rest() == b"\x1e"
    assert marks.rest() == b""


@pytest.mark.parametrize("text", [b"\x1e\x1e\x1e", b"\x1eword:x\x1e", b"\x1ewor\x1ed", b"\x1eword:1234\x1e"])
def test_what_only_looks_like_a_mark_is_text(text: bytes) -> None:
    marks = Marks("word")
    assert joined([*marks.split(text + b" end"), marks.rest()]) == [text + b" end"]


@given(
    st.lists(st.sampled_from([BEGAN, ENDED, b"\x1e", b"word", b":7", b"text", b"\n"])),
    st.lists(st.integers(1, 9), min_size=1),
)
def test_it_does_not_matter_in_which_parts_it_comes(parts: list[bytes], sizes: list[int]) -> None:
    whole = b"".join(parts)
    at_once, bit_by_bit = Marks("word"), Marks("word")
    pieces: list[Piece] = []
    at = turn = 0
    while at < len(whole):
        size = sizes[turn % len(sizes)]
        pieces += bit_by_bit.split(whole[at : at + size])
        at, turn = at + size, turn + 1
    assert joined([*pieces, bit_by_bit.rest()]) == joined([*at_once.split(whole), at_once.rest()])


def test_a_shell_writes_them() -> None:
    marks = Marks("word")
    code = f"{marks.began}; (exit 3); {marks.ended}"
    written = subprocess.run(["bash", "-c", code], capture_output=True, check=True).stdout
    assert marks.split(written) == [Began(), Ended(3)]
