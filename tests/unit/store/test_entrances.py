"""Entrances in rows of the database."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nextmini.scenario import Socks
from nextmini.store import json_rows
from nextmini.store.entrances import entrances, entrances_text

_KEPT = "0123456789abcdef" * 4
_TWO = (
    Socks("127.0.0.1:1080", "max", None, (), 4096),
    Socks("[::1]:1080", "normal", 3, (_KEPT, "f" * 64), 1),
)
_ROW = (1, "a", "10.0.0.1", 1, "sequential", 4, 0, True, None)


def test_they_come_back_as_they_were() -> None:
    assert entrances(entrances_text(_TWO)) == (_TWO, None)
    assert entrances(entrances_text(())) == ((), None)
    assert entrances_text(()) == "[]"


def test_what_is_left_out_is_filled_in() -> None:
    assert entrances("[{}]") == (_TWO[:1], None)
    assert entrances('[{"listen": 1080}]') == (_TWO[:1], None)


@pytest.mark.parametrize(
    ("said", "flaw"),
    [
        ({}, "socks: is not a list of entrances"),
        ([3], "socks[0]: expected a table, got 3"),
        ([{}, {"listen": "x:1"}], 'socks[1].listen: "x:1" is not an address with a port; write it as in'),
        ([{"mode": "fast"}], 'socks[0].mode: "fast" is not possible; write "max" or "normal"'),
        ([{"exit": 0}], "socks[0].exit: 0 is too small; write at least 1"),
        ([{"exit": "a"}], 'socks[0].exit: expected a whole number, got "a"'),
        ([{"users": ["alice:secret"]}], "socks[0].users[0]: is not 64 hexadecimal digits; "),
        ([{"users": [_KEPT.upper()]}], "socks[0].users[0]: is not 64"),
        ([{"connections": 10**9}], "socks[0].connections: 1000000000 is too large; "),
        ([{"listne": 1}], "socks[0].listne: unknown key; did you mean listen?"),
        ([{}] * 101, "socks: 101 entrances are more than 100"),
        ([{"users": [_KEPT] * 5001}], "socks: 5,001 users are more than 5,000"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_makes_no_sense_is_a_flaw(said: Any, flaw: str) -> None:
    found, why = entrances(json.dumps(said))
    assert found == ()
    assert why is not None
    assert why.startswith(flaw), why
    node = json_rows.node(*_ROW, json.dumps(said), None, None)
    assert (node.name, node.socks, node.flaw) == ("a", (), why)


def test_a_node_comes_back_as_it_was() -> None:
    node = json_rows.node(*_ROW, entrances_text(_TWO), 61_080, [80, 443])
    assert (node.socks, node.transparent, node.transparent_ports) == (_TWO, 61_080, (80, 443))
    assert json_rows.node(*json_rows.node_columns(node)) == node
