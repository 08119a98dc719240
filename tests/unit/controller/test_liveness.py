"""What does not work: by rows, by what processes say, and not before something is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nextmini.controller.actual import RowState, Status
from nextmini.controller.liveness import Dead, Liveness

from .rows import line, link, put, view


def dead_after(*statuses: Status, kind: str = "link", id: int = 2) -> Dead:
    liveness = Liveness()
    for status in statuses:
        liveness.take({(kind, id): RowState(status)})  # type: ignore[dict-item]
    return liveness.dead(line(0, 0, 1, 1))


def test_a_link_that_was_taken_down_is_dead() -> None:
    made = line(0, 0, 0)
    put(made, replace(made.links[1], up=False))
    assert Liveness().dead(made) == Dead(links=frozenset({1}), steps=frozenset({(1, 2)}))


def test_a_node_that_was_taken_down_is_dead_with_its_links() -> None:
    made = line(0, 0, 0, 0)
    put(made, replace(made.nodes[2], up=False))
    assert Liveness().dead(made) == Dead(frozenset({2}), frozenset({1, 2}), frozenset({(1, 2), (2, 3)}))


@pytest.mark.parametrize("status", ["down", "rejected", "failed"])
def test_what_processes_say_of_a_link_or_node_counts(status: Status) -> None:
    assert dead_after("up", status) == Dead(links=frozenset({2}), steps=frozenset({(2, 3)}))
    assert dead_after("up", status, kind="node").nodes == {2}
    assert dead_after("up", status, kind="node").links == {1, 2}


def test_what_comes_back_is_dead_until_it_is_confirmed_and_what_never_was_is_not() -> None:
    assert not dead_after("pending")
    assert not dead_after("pending", "up")
    assert dead_after("up", "down", "pending").links == {2}
    assert not dead_after("up", "down", "pending", "up")
    assert not dead_after("up", "down", kind="route")


def test_only_news_are_news() -> None:
    liveness = Liveness()
    assert not liveness.take({("link", 1): RowState("up")})
    assert liveness.take({("link", 1): RowState("down", "reset")})
    assert not liveness.take({("link", 1): RowState("down", "timed out")})
    assert not liveness.take({("link", 1): RowState("pending")})
    assert liveness.take({("link", 1): None})
    assert not liveness.take({("route", 1): RowState("rejected")})


def test_two_nodes_are_apart_only_when_no_link_between_them_works() -> None:
    made = line(0, 0)
    put(made, link(2, 2, 1, "memory"))
    put(made, replace(made.links[1], up=False))
    assert Liveness().dead(made) == Dead(links=frozenset({1}))
    put(made, replace(made.links[2], up=False))
    assert Liveness().dead(made).steps == {(1, 2)}


def test_a_link_that_stands_although_its_row_makes_no_sense_works() -> None:
    made = line(0, 0)
    put(made, replace(made.links[1], flaw="rate: ten is no rate"))
    liveness = Liveness()
    liveness.take({("link", 1): RowState("rejected", "rate: ten is no rate")})
    assert not liveness.dead(made)
    never = view(*made.nodes.values(), replace(made.links[1], flaw="rate: ten is no rate"))
    assert liveness.dead(never).links == {1}


def test_a_path_crosses_what_is_dead_in_either_direction() -> None:
    dead = Dead(frozenset({9}), frozenset({1}), frozenset({(2, 3)}))
    assert dead.crosses((1, 2, 3, 4))
    assert dead.crosses((4, 3, 2, 1))
    assert not dead.crosses((2, 1, 3))
    assert dead.crosses((1, 9, 4))
    assert (dead.holds_end((9, 1)), dead.holds_end((1, 9)), dead.holds_end((1, 9, 2))) == (True, True, False)
