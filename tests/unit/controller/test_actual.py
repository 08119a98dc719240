"""What is confirmed: a row is in force when everybody who has to has said so."""

from __future__ import annotations

from nextmini.controller.actual import Actual, Row, RowState
from nextmini.protocol import LinkChange

LINK: Row = ("link", 1)
NODE: Row = ("node", 1)
ROUTE: Row = ("route", 1)
UP, DOWN = LinkChange(1, "up"), LinkChange(1, "down", "reset by peer")


def link_between(*processes: int) -> Actual:
    actual = Actual()
    actual.expect(LINK, processes, carried=True)
    for process in processes:
        actual.applied([LINK], process, 5 + process, {})
    return actual


def test_a_route_is_installed_when_every_process_has_it() -> None:
    actual = Actual()
    actual.expect(ROUTE, [0, 1])
    actual.applied([ROUTE], 0, 3, {})
    assert actual.states[ROUTE] == RowState("pending", None, 3)
    actual.applied([ROUTE], 1, 4, {})
    assert actual.states[ROUTE] == RowState("installed", None, 4)
    assert actual.waiting == set()


def test_a_tcp_link_is_up_when_both_ends_say_so() -> None:
    actual = link_between(0, 1)
    assert actual.waiting == {LINK}
    actual.link_changed(UP, 0)
    assert actual.states[LINK].status == "pending"
    actual.link_changed(UP, 1)
    assert actual.states[LINK] == RowState("up", None, 6)
    assert actual.waiting == set()


def test_ends_may_be_up_before_the_other_process_has_confirmed() -> None:
    actual = Actual()
    actual.expect(LINK, [0, 1], carried=True)
    actual.applied([LINK], 1, 1, {})
    actual.link_changed(UP, 1)
    actual.link_changed(UP, 0)
    assert actual.states[LINK].status == "pending"
    actual.applied([LINK], 0, 2, {})
    assert actual.states[LINK].status == "up"


def test_a_memory_link_is_up_once_it_is_applied() -> None:
    actual = Actual()
    actual.expect(LINK, [0])
    actual.applied([LINK], 0, 1, {})
    assert actual.states[LINK].status == "up"


def test_a_link_breaks_once_however_many_ends_say_so_and_comes_back_once() -> None:
    actual = link_between(0, 1)
    assert [actual.link_changed(UP, process) for process in (0, 1)] == [False, False]
    assert [actual.link_changed(DOWN, process) for process in (0, 1)] == [True, False]
    assert actual.states[LINK].reason == "reset by peer"
    assert [actual.link_changed(UP, process) for process in (0, 1)] == [False, True]


def test_a_link_that_is_still_being_dialled_has_not_broken() -> None:
    actual = link_between(0, 1)
    assert not actual.link_changed(LinkChange(1, "down", "refused"), 0)
    assert actual.states[LINK] == RowState("down", "refused", 6)
    assert actual.waiting == {LINK}
    assert not actual.link_changed(UP, 0)
    assert not actual.link_changed(UP, 1)
    assert actual.states[LINK].status == "up"


def test_a_rejection_is_told_with_its_process_and_forgotten_when_it_is_tried_again() -> None:
    actual = Actual()
    actual.expect(NODE, [2])
    actual.applied([NODE], 2, 1, {NODE: "no memory"})
    assert actual.states[NODE] == RowState("rejected", "dataplane process 2: no memory")
    assert actual.refused == {NODE: "dataplane process 2: no memory"}
    assert actual.waiting == set()
    actual.told([NODE], 2)
    assert actual.states[NODE].status == "pending"
    assert actual.refused == {}


def test_a_row_without_a_place_is_rejected_until_it_has_one() -> None:
    actual = Actual()
    actual.expect(NODE, [], problem="hop limit 0")
    assert actual.refused == {NODE: "hop limit 0"}
    actual.expect(NODE, [0])
    assert actual.waiting == {NODE}
    assert actual.refused == {}


def test_a_node_that_failed_stays_failed() -> None:
    actual = Actual()
    actual.expect(NODE, [0])
    actual.applied([NODE], 0, 1, {})
    actual.node_failed(1, "index out of bounds")
    actual.expect(NODE, [0])
    assert actual.states[NODE] == RowState("failed", "index out of bounds", 1)
    assert actual.refused == {NODE: "index out of bounds"}


def test_a_lost_process_takes_its_word_with_it() -> None:
    actual = link_between(0, 1)
    for process in (0, 1):
        actual.link_changed(UP, process)
    actual.process_lost(1, [LINK], "killed")
    assert actual.states[LINK] == RowState("down", "killed", 5)
    actual.told([LINK], 1)
    actual.applied([LINK], 1, 9, {})
    assert actual.states[LINK].status == "pending"
    actual.link_changed(UP, 1)
    assert actual.states[LINK] == RowState("up", None, 9)


def test_what_a_process_says_that_has_no_part_in_a_row_does_not_count() -> None:
    actual = link_between(0, 1)
    actual.applied([LINK], 7, 99, {LINK: "no"})
    assert actual.states[LINK].generation == 6
    actual.link_changed(LinkChange(12, "up"), 0)
    assert actual.states.keys() == {LINK}


def test_each_change_is_taken_once_and_a_row_that_is_gone_is_one() -> None:
    actual = link_between(0)
    actual.link_changed(UP, 0)
    assert actual.take_changed() == {LINK: RowState("up", None, 5)}
    actual.expect(LINK, [0], carried=True)
    assert actual.take_changed() == {}
    actual.forget(LINK)
    assert actual.take_changed() == {LINK: None}
    assert (actual.waiting, actual.states) == (set(), {})
