from __future__ import annotations

import pytest

from nextmini.store.listener import parse
from nextmini.store.rows import RESYNC, Change


def test_announcement_with_ids() -> None:
    change = Change("nodes", "update", frozenset({1, 2}))
    assert parse('{"table": "nodes", "op": "update", "ids": [1, 2]}') == change


@pytest.mark.parametrize(
    "payload", ['{"table": "t", "op": "truncate"}', '{"table": "t", "op": "truncate", "ids": null}']
)
def test_announcement_without_ids(payload: str) -> None:
    assert parse(payload) == Change("t", "truncate", None)


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "hello",
        "[]",
        "7",
        "null",
        '{"table": "nodes"}',
        '{"op": "insert"}',
        '{"table": "t", "op": "insert", "ids": 7}',
        '{"table": "t", "op": "insert", "ids": ["x"]}',
        '{"table": "t", "op": "insert", "ids": [[1]]}',
    ],
)
def test_what_nobody_understands_asks_for_a_resync(payload: str) -> None:
    assert parse(payload) is RESYNC
