from __future__ import annotations

import pytest

from nextmini.store.changes import ChangeSet, parse
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


def gathered(*changes: Change) -> frozenset[Change]:
    waiting = ChangeSet()
    for change in changes:
        waiting.add(change)
    return waiting.take()


def test_changes_of_one_table_and_operation_become_one() -> None:
    assert gathered(
        Change("nodes", "insert", frozenset({1})),
        Change("nodes", "update", frozenset({1})),
        Change("links", "insert", frozenset({1})),
        Change("nodes", "insert", frozenset({2, 3})),
    ) == {
        Change("nodes", "insert", frozenset({1, 2, 3})),
        Change("nodes", "update", frozenset({1})),
        Change("links", "insert", frozenset({1})),
    }


@pytest.mark.parametrize("first", [True, False])
def test_change_without_ids_covers_those_with(first: bool) -> None:
    all_of_them, some = Change("nodes", "update", None), Change("nodes", "update", frozenset({1}))
    assert gathered(*((all_of_them, some) if first else (some, all_of_them))) == {all_of_them}


def test_too_many_ids_become_the_whole_table() -> None:
    most = [Change("nodes", "update", frozenset(range(i, i + 1000))) for i in range(0, 5000, 1000)]
    assert gathered(*most) == {Change("nodes", "update", frozenset(range(5000)))}
    assert gathered(*most, Change("nodes", "update", frozenset({5000}))) == {Change("nodes", "update", None)}


def test_what_was_taken_is_gone() -> None:
    waiting = ChangeSet()
    assert not waiting
    waiting.add(Change("nodes", "insert", frozenset({1})))
    assert waiting
    waiting.take()
    assert not waiting
    assert waiting.take() == frozenset()
