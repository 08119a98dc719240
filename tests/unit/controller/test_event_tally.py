"""Which event touched how many packets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nextmini.controller.events.layers import Layers
from nextmini.controller.events.tally import Tally, causes
from nextmini.protocol import Drops, LinkCounters
from nextmini.scenario import Direction

from .rows import line, put

if TYPE_CHECKING:
    from nextmini.controller.view import NetworkView

ONE = (1, 1)
"""From node 1 to node 2 over link 1."""


def counted(*entered: int) -> dict[tuple[int, int], LinkCounters]:
    """Counters of link 1, forward and backward."""
    return {(1, node): LinkCounters(1, node, 0, 0, 0, Drops(), of) for node, of in enumerate(entered, 1)}


def events(*ids: int) -> frozenset[int]:
    return frozenset(ids)


def test_packets_are_those_between_marks() -> None:
    tally = Tally()
    tally.mark(ONE, 100, events(1))
    tally.mark(ONE, 130, events())
    tally.mark(ONE, 150, events(1, 2))
    assert tally.touched({}) == {1: 30, 2: 0}
    assert tally.touched(counted(157)) == {1: 37, 2: 7}
    assert tally.touched(counted(190, 5)) == {1: 70, 2: 40}


def test_counters_that_are_older_than_the_mark_take_nothing_away() -> None:
    tally = Tally()
    tally.mark(ONE, 100, events(1))
    assert tally.touched(counted(90)) == {1: 0}
    tally.mark(ONE, 80, events(2))
    assert tally.touched(counted(103)) == {1: 0, 2: 3}


def test_who_it_was_may_be_known_later() -> None:
    tally = Tally()
    tally.attribute(ONE, events(9))
    tally.mark(ONE, 100, events())
    tally.attribute(ONE, events(1))
    assert tally.touched(counted(101)) == {1: 1}


def laid(view: NetworkView, spot: Any, event: int, value: Any) -> Layers:
    layers = Layers()
    layers.put(event, spot, None, value, lasting=False)
    return layers


def test_settings_are_in_force_on_their_direction_while_the_link_is_up() -> None:
    view = line(0, 0)
    layers = laid(view, ("link", 1, "forward", "delay"), 5, "50 ms")
    assert causes(layers, view, (1, 1)) == events()
    put(view, replace(view.links[1], forward=Direction.model_validate({"delay": "50 ms"})))
    assert causes(layers, view, (1, 1)) == events(5)
    assert causes(layers, view, (1, 2)) == events()
    put(view, replace(view.links[1], up=False))
    assert causes(layers, view, (1, 1)) == events()


def test_a_setting_that_was_taken_away_is_somebody_s_doing_too() -> None:
    view = line(0, 0)
    layers = Layers()
    layers.put(5, ("link", 1, "backward", "loss"), "1 %", None, lasting=False)
    assert causes(layers, view, (1, 2)) == events(5)


def test_a_link_that_is_down_is_the_doing_of_what_took_it_or_its_node_down() -> None:
    view = line(0, 0)
    put(view, replace(view.links[1], up=False))
    layers = laid(view, ("link", 1, "", "up"), 5, False)
    assert causes(layers, view, (1, 1)) == causes(layers, view, (1, 2)) == events(5)
    put(view, replace(view.nodes[2], up=False))
    layers.put(6, ("node", 2, "", "up"), True, False, lasting=True)
    assert causes(layers, view, (1, 1)) == events(5, 6)
    put(view, replace(view.links[1], up=True))
    assert causes(layers, view, (1, 1)) == events(6)


def test_what_came_back_is_the_doing_of_what_brought_it_back() -> None:
    view = line(0, 0)
    layers = Layers()
    layers.put(7, ("node", 1, "", "up"), False, True, lasting=True)
    assert causes(layers, view, (1, 2)) == events(7)
    put(view, replace(view.nodes[2], up=False))
    assert causes(layers, view, (1, 2)) == events()


def test_a_link_that_is_gone_is_nobody_s_doing() -> None:
    assert causes(Layers(), line(0, 0), (9, 1)) == events()
