"""Undoing an event while others go on."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nextmini.controller.events.layers import Layers, Spot

DELAY: Spot = ("link", 1, "forward", "delay")


class Network:
    """One thing that changes, by events and by others."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.layers = Layers()

    def does(self, event: int, value: Any, *, lasting: bool = False) -> None:
        self.layers.put(event, DELAY, self.value, value, lasting=lasting)
        self.value = value

    def undoes(self, event: int) -> None:
        self.value = self.layers.lift(event, lambda spot: self.value).get(DELAY, self.value)

    @property
    def owner(self) -> int | None:
        return self.layers.owner(DELAY[:3], "delay", self.value)


def test_what_was_there_comes_back() -> None:
    network = Network(None)
    network.does(1, "50 ms")
    assert (network.owner, network.layers.spots(1)) == (1, frozenset({DELAY}))
    network.undoes(1)
    assert (network.value, network.owner, network.layers.spots(1)) == (None, None, frozenset())


def test_the_later_one_of_two_is_seen_in_whichever_order_they_end() -> None:
    for first, second, between in ((1, 2, "100 ms"), (2, 1, "50 ms")):
        network = Network("10 ms")
        network.does(1, "50 ms")
        network.does(2, "100 ms")
        network.undoes(first)
        assert network.value == between
        network.undoes(second)
        assert network.value == "10 ms"


def test_two_that_do_the_same_both_have_to_end() -> None:
    network = Network(True)
    network.does(1, False)
    network.does(2, False)
    network.undoes(1)
    assert (network.value, network.owner) == (False, 2)
    network.undoes(2)
    assert network.value is True


def test_a_lasting_change_is_not_undone_by_the_end_of_one_before_it() -> None:
    network = Network(True)
    network.does(1, False)
    network.does(2, True, lasting=True)
    network.undoes(1)
    assert (network.value, network.owner) == (True, 2)
    network.does(3, False)
    network.undoes(3)
    assert (network.value, network.owner) == (True, 2)


def test_what_somebody_else_has_made_of_it_stays() -> None:
    network = Network("10 ms")
    network.does(1, "50 ms")
    network.value = "70 ms"
    assert network.owner is None
    network.does(2, "90 ms")
    network.undoes(1)
    network.undoes(2)
    assert network.value == "70 ms"
    network.does(3, "50 ms")
    network.value = "80 ms"
    network.undoes(3)
    assert network.value == "80 ms"


def test_a_change_that_was_written_twice_is_undone_once() -> None:
    network = Network(True)
    network.does(1, False)
    network.does(1, False)
    network.undoes(1)
    assert network.value is True


@given(st.data())
def test_when_all_have_ended_everything_is_as_it_was(data: st.DataObject) -> None:
    network, going = Network(0), set[int]()
    for event in range(1, data.draw(st.integers(1, 8)) + 1):
        network.does(event, data.draw(st.integers(0, 3)))
        going.add(event)
        if data.draw(st.booleans()):
            ends = data.draw(st.sampled_from(sorted(going)))
            newest = max(going)
            shown = network.value
            network.undoes(ends)
            going.remove(ends)
            assert ends == newest or network.value == shown
    for ends in data.draw(st.permutations(sorted(going))):
        network.undoes(ends)
    assert network.value == 0
    assert network.owner is None
