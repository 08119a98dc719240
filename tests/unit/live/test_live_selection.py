"""Which nodes are meant."""

from __future__ import annotations

import pytest

from nextmini.live.choice import LiveError
from nextmini.live.selection import expand, select

NAMES = [*(f"h{number}" for number in range(1, 13)), "h08", "s1-a", "s2-a"]


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("h3", ["h3"]),
        ("h[1-3]", ["h1", "h2", "h3"]),
        ("h[9-11,2]", ["h9", "h10", "h11", "h2"]),
        ("h[08-10]", ["h08", "h09", "h10"]),
        ("s[1-2]-a", ["s1-a", "s2-a"]),
        ("r[1-2]c[1,3]", ["r1c1", "r1c3", "r2c1", "r2c3"]),
    ],
)
def test_ranges_stand_for_names(word: str, names: list[str]) -> None:
    assert list(expand(word)) == names


def test_each_node_is_meant_once_in_the_order_of_the_words() -> None:
    assert select(["h2", "h[1-3]"], NAMES) == ["h2", "h1", "h3"]


@pytest.mark.parametrize("word", ["h[3-1]", "h[-]", "h[1-]", "h[1,,2]", "h[1-9999999]"])
def test_a_range_that_makes_no_sense_is_refused(word: str) -> None:
    with pytest.raises(LiveError, match="no range of numbers"):
        select([word], NAMES)


def test_an_unknown_name_is_told_with_one_that_is_near() -> None:
    with pytest.raises(LiveError, match="there is no node 'h99'"):
        select(["h99"], NAMES)
    with pytest.raises(LiveError, match="did you mean s1-a"):
        select(["s1_a"], NAMES)
