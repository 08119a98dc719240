from __future__ import annotations

from typing import Any

import pytest

from nextmini.live.choice import LiveError
from nextmini.live.words import parsed


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("rate=5 Mbit/s", "5 Mbit/s"),
        (" rate = 5 Mbit/s ", "5 Mbit/s"),
        ('rate="5 Mbit/s"', "5 Mbit/s"),
        ("ecn=true", True),
        ("ecn=false", False),
        ("loss=none", None),
        ("jitter={ amount = '1 ms', reorder = true }", {"amount": "1 ms", "reorder": True}),
        ('queue=["100 packets", "64 kB"]', ["100 packets", "64 kB"]),
        ("rate=", ""),
        ("rate=a=b", "a=b"),
    ],
)
def test_a_word_is_a_key_with_its_value(word: str, value: Any) -> None:
    key = word.partition("=")[0].strip()
    assert parsed([word]) == {key: value}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["rate=5", "Mbit/s"], r'"Mbit/s" is not a setting.*in quotes where there are spaces'),
        (["=5"], "is not a setting"),
        ([], r'nothing is said of the link; write KEY=VALUE, as in rate="5 Mbit/s"'),
        (["delay=1 ms", "delay=2 ms"], "delay is there twice"),
        (["jitter={ amount = 1 ms }"], "jitter: .* cannot be read"),
        (["jitter={}\nrate = 5"], "jitter: .* cannot be read"),
    ],
)
def test_what_is_no_word_is_refused(words: list[str], complaint: str) -> None:
    with pytest.raises(LiveError, match=complaint):
        parsed(words)
