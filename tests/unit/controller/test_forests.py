"""Forests: their numbers, which of them processes have, and in which order they are told of them."""

from __future__ import annotations

import struct

from nextmini._native import Trees
from nextmini.controller.forests import FIRST_WAY, MOST_FORESTS, NUMBERS, Forests
from nextmini.controller.lingering import MOST_SECONDS, forest_empty_at, link_seconds
from nextmini.controller.plan import Body, Held, Step, Targets, plan
from nextmini.protocol import ForestRow

from . import rows

# 1 - 2 - 3, and the same with a way from 1 to 3.
LINE = Trees([1, 2, 3], [(1, 2, 1.0, 65_536, 65_536), (2, 3, 1.0, 1_460, 65_536)])
RING = Trees([1, 2, 3], [(1, 2, 1.0, 9, 9), (2, 3, 1.0, 9, 9), (1, 3, 1.0, 9, 9)])
BOTH = frozenset({0, 1})
HOSTED = {0: frozenset({1, 2}), 1: frozenset({3})}


def targets(forests: Forests) -> Targets:
    return Targets(forests=forests, hosted=HOSTED)


def perform(steps: list[Step], held: Held) -> None:
    for step in steps:
        for process, body in step.items():
            held.tell(process, body)


def row(forest: int, node: int, trees: Trees) -> ForestRow:
    entries = trees.row(node)
    assert entries is not None
    return ForestRow(forest, node, entries)


def test_entries_are_places_of_next_nodes_with_those_of_chunks_above_them() -> None:
    assert struct.unpack(">3I", LINE.nodes()) == (1, 2, 3)
    assert LINE.chunks() == [1_460, 65_536, 2**32 - 1]
    entries = LINE.row(1)
    assert entries is not None
    assert struct.unpack(">3I", entries) == (2 << 24 | 0, 1 << 24 | 1, 0 << 24 | 1)
    assert (LINE.row(4), LINE.path(1, 4), LINE.path(1, 3)) == (None, None, [1, 2, 3])


def test_a_forest_is_there_before_it_is_taken_and_until_it_is_empty() -> None:
    forests, held = Forests(), Held()
    forests.plant(LINE)
    steps = plan(targets(forests), held, BOTH)
    record = next(iter(forests)).record()
    assert steps == [
        {
            0: Body(forests=[record], forest_rows=[row(0, 1, LINE), row(0, 2, LINE)]),
            1: Body(forests=[record], forest_rows=[row(0, 3, LINE)]),
        },
        {0: Body(forest=0), 1: Body(forest=0)},
    ]
    perform(steps, held)
    assert plan(targets(forests), held, BOTH) == []
    forests.plant(RING, held.forests.numbers())
    steps = plan(targets(forests), held, BOTH)
    assert [{p: (len(b.forest_rows), b.forest) for p, b in step.items()} for step in steps] == [
        {0: (2, None), 1: (1, None)},
        {0: (0, 1), 1: (0, 1)},
    ]
    perform(steps, held)
    (left,) = forests.left()
    forests.linger(left.number, 7.0)
    assert (forests.left(), forests.next_empty(), forests.has_room(6.9)) == ([], 7.0, True)
    assert plan(targets(forests), held, BOTH) == []
    forests.told()
    assert not forests.has_news(6.9)
    assert forests.has_news(7.0)
    steps = plan(targets(forests), held, BOTH)
    assert steps == [{0: Body(remove_forests=[0]), 1: Body(remove_forests=[0])}]
    perform(steps, held)
    assert held.forests.numbers() == {1}


def test_a_process_that_comes_back_is_told_again_and_rid_of_what_has_gone_meanwhile() -> None:
    forests, held = Forests(), Held()
    forests.plant(LINE)
    perform(plan(targets(forests), held, BOTH), held)
    forests.plant(RING)
    perform(plan(targets(forests), held, frozenset({0})), held)
    forests.linger(0, 1.0)
    assert forests.has_news(1.0)
    perform(plan(targets(forests), held, frozenset({0})), held)
    assert set(held.forests.of(1)) == {0}
    held.doubt(1)
    steps = plan(targets(forests), held, BOTH)
    assert [(set(step), step[1].forest_rows, step[1].forest, step[1].remove_forests) for step in steps] == [
        ({1}, [row(1, 3, RING)], None, []),
        ({1}, [], 1, []),
        ({1}, [], None, [0]),
    ]


def test_a_node_that_moves_to_another_process_is_told_there() -> None:
    forests, held = Forests(), Held()
    forests.plant(LINE)
    perform(plan(targets(forests), held, BOTH), held)
    moved = Targets(forests=forests, hosted={0: frozenset({1}), 1: frozenset({2, 3})})
    assert plan(moved, held, BOTH) == [{1: Body(forest_rows=[row(0, 2, LINE)])}]


def test_numbers_go_round_and_leave_out_those_that_somebody_has() -> None:
    forests = Forests()
    for _ in range(NUMBERS - 1):
        forests.plant(LINE)
        for left in forests.left():
            forests.linger(left.number, 0.0)
        forests.has_news(0.0)
    assert forests.taken == NUMBERS - 2
    forests.plant(LINE, used={NUMBERS - 1, 0, 2})
    assert forests.taken == 1


def test_what_another_controller_planted_is_not_mixed_with_ours() -> None:
    forests, held = Forests(), Held()
    forests.plant(LINE)
    perform(plan(targets(forests), held, frozenset({0})), held)
    assert held.forests.found(1, (0, 5)) == [0, 5]
    held.doubt(1)
    forests.renumber(0, held.forests.numbers())
    assert forests.taken == 1
    steps = plan(targets(forests), held, BOTH)
    assert [{p: (b.forest, sorted(b.remove_forests)) for p, b in step.items()} for step in steps] == [
        {0: (None, []), 1: (None, [])},
        {0: (1, []), 1: (1, [])},
        {0: (None, [0]), 1: (None, [0, 5])},
    ]
    assert all(r.forest == 1 for step in steps for body in step.values() for r in body.forest_rows)
    assert held.forests.found(1, (0, 5)) == [], "it was told to remove them, or will be"


def test_there_is_room_for_a_few_at_a_time() -> None:
    forests = Forests()
    for _ in range(MOST_FORESTS):
        assert forests.has_room(0.0)
        forests.plant(LINE)
    assert not forests.has_room(0.0)
    forests.linger(0, 3.0)
    assert (forests.has_room(2.9), forests.has_room(3.0)) == (False, True)


def test_a_way_is_known_by_its_number_and_its_ends() -> None:
    forests = Forests()
    forests.plant(LINE)
    forests.plant(RING)
    assert forests.path(FIRST_WAY + 2, 1, 3) == (1, 2, 3)
    assert forests.path(FIRST_WAY + (1 << 20) + 2, 1, 3) == (1, 3)
    assert (forests.path(FIRST_WAY + (2 << 20) + 2, 1, 3), forests.path(FIRST_WAY, 1, 1)) == (None, None)


def test_a_forest_lingers_as_long_as_its_longest_way_may_hold_something() -> None:
    slow = {"delay": "300 ms", "rate": "1 Mbit/s", "queue": "100 packets"}
    view = rows.view(
        *(rows.node(id) for id in (1, 2, 3)),
        rows.link(1, 1, 2, forward={"delay": "200 ms"}),
        rows.link(2, 2, 3, backward=slow),
        rows.link(3, 1, 3, forward={"delay": "9 s"}),
    )
    seconds = link_seconds(view, lambda link: link != 3)
    assert {(a, b): round(s, 3) for a, b, s in seconds} == {
        (1, 2): 0.2,
        (2, 1): 0.0,
        (2, 3): 0.0,
        (3, 2): 1.5,
    }
    assert round(LINE.longest(seconds), 3) == 1.5, "from 3 to 1"
    assert (forest_empty_at(1.5, 10.2), forest_empty_at(1e9, 0.0)) == (13.0, MOST_SECONDS)
