"""Numbers of routes on the wire: one path each, for as long as anybody may use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.controller import names as module
from nextmini.controller.names import FIRST_ALIAS, SPARE, RouteNames

if TYPE_CHECKING:
    import pytest


def test_a_row_has_its_own_number_until_its_path_changes() -> None:
    names = RouteNames()
    assert names.name(7, (1, 2)) == names.name(7, (1, 2)) == 7
    alias = names.name(7, (1, 3, 2))
    assert alias == FIRST_ALIAS
    assert list(names.retired()) == [7]
    assert (names.row(7), names.row(alias)) == (7, 7)
    assert (names.path(7), names.path(alias)) == ((1, 2), (1, 3, 2))
    assert names.wire(7) == alias


def test_a_row_that_was_away_has_its_number_back_with_the_same_path_only() -> None:
    names = RouteNames()
    names.name(7, (1, 2))
    names.retire(7)
    assert names.wire(7) is None
    assert list(names.retired()) == [7]
    assert names.name(7, (1, 2)) == 7
    assert list(names.retired()) == []
    names.retire(7)
    names.gone(7)
    assert names.name(7, (1, 3)) == FIRST_ALIAS
    assert names.row(FIRST_ALIAS) == 7


def test_a_row_whose_number_does_not_fit_the_frame_has_another() -> None:
    names = RouteNames()
    assert names.name(2**31 - 1, (1, 2)) == FIRST_ALIAS
    assert names.name(FIRST_ALIAS, (1, 2)) == FIRST_ALIAS + 1


def test_numbers_are_used_again_when_there_are_no_others_and_the_oldest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LAST_NUMBER", FIRST_ALIAS + 2)
    names = RouteNames()
    wires = []
    for node in range(3, 10):
        wires.append(names.name(1, (1, node)))
        for retired in names.retired():
            names.gone(retired)
    # A row's own number too is its own again once everybody has forgotten what it was.
    assert wires == [1, *(FIRST_ALIAS + i for i in (0, 1, 2, 0)), 1, FIRST_ALIAS + 1]
    assert names.path(wires[-1]) == (1, 9)


def test_a_row_that_goes_back_to_a_path_has_the_number_that_is_not_gone_yet() -> None:
    names = RouteNames()
    names.name(7, (1, 2))
    alias = names.name(7, (1, 3, 2), empty_at=5.0)
    assert (list(names.retired(4.9)), list(names.retired(5.0)), names.next_empty(4.9)) == ([], [7], 5.0)
    assert names.next_empty(5.0) is None
    assert (names.take_leaving(1.0), names.take_leaving(1.0)) == ([7], [])
    assert names.name(7, (1, 2), empty_at=6.0) == 7
    assert names.take_leaving(1.0) == [alias]
    for at in range(10_000):
        assert names.name(7, ((1, 3, 2), (1, 2))[at % 2], empty_at=at + 10.0) == (alias, 7)[at % 2]
    assert list(names.retired(2e4)) == [alias]
    assert names.next_empty(0.0) == 10_009.0
    names.tell_leaving_again()
    assert (names.take_leaving(1.0), names.take_leaving(2e4)) == ([alias], [])


def test_the_memory_of_numbers_that_are_gone_is_bounded() -> None:
    names = RouteNames()
    for at in range(3 * SPARE):
        names.name(1, (1, at + 3, 2))
        names.name(at + 2, (1, 2))
        names.retire(at + 2)
        for wire in names.retired():
            names.gone(wire)
    assert names._next_alias <= FIRST_ALIAS + SPARE + 2
    assert max(len(names._row_of), len(names._path_of), len(names._gone)) <= SPARE + 3
    assert not names._retired_as


def test_numbers_are_kept_before_they_are_given_for_whoever_goes_on() -> None:
    kept: list[int] = []
    names = RouteNames(keep=kept.append)
    names.name(7, (1, 2))
    assert kept == []
    given = [names.name(7, (1, node, 2)) for node in range(3, 3 + module.KEPT_AT_ONCE + 1)]
    assert len(kept) == 2
    assert max(given) < kept[-1]
    after = RouteNames()
    assert {*given, 8} <= set(after.resume([8], kept[-1]))
    assert {*given, 8} <= set(after.retired())
    assert after.name(7, (1, 5, 2)) == 7
    assert after.name(7, (1, 6, 2)) == kept[-1]


def test_where_no_route_has_changed_there_is_nothing_to_take_away() -> None:
    names = RouteNames()
    assert names.resume([], None) == []
    names.name(7, (1, 2))
    assert names.name(7, (1, 3)) == FIRST_ALIAS
