"""What events say, in words and in rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nextmini.controller.events import described, happening
from nextmini.controller.events.orders import Orders, orders, orders_back
from nextmini.errors import RunError
from nextmini.scenario import Event
from nextmini.store import LinkUpdate

from .rows import line, link, put, view


def asked(action: dict[str, Any], network: Any = None) -> Orders:
    return orders(happening(Event(4, 1.0, action)), network or line(0, 0, 0))


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ({"link": ["a", "b"], "down": True, "duration": "2 s"}, "link a - b down for 2 s"),
        ({"link": ["a", "b"], "up": True}, "link a - b up"),
        (
            {"link": ["a", "b"], "flap": {"period": "200 ms", "duty": "25 %"}, "duration": "1 s"},
            "link a - b down and up every 0.2 s (25 % up) for 1 s",
        ),
        (
            {"link": ["a", "b"], "set": {"delay": "50 ms", "loss": "1 %"}},
            "link a - b: delay = 50 ms, loss = 1 %",
        ),
        ({"link": ["a", "b"], "set": {"trace": 3}, "direction": "forward"}, "link a -> b: trace = lte"),
        (
            {"link": ["a", "b"], "set": {"jitter": {"amount": "1 ms"}, "ecn": True}, "direction": "backward"},
            "link b -> a: jitter = { amount = 1 ms }, ecn = true",
        ),
        ({"node": "c", "crash": True}, "node c crashes"),
        ({"node": "c", "restart": True}, "node c restarts"),
        ({"partition": [["a"], ["b", "c"]], "duration": "1 s"}, "partition a | b, c for 1 s"),
        ({"partition": [["a"], ["b", "c"]], "heal": True}, "partition a | b, c heals"),
    ],
)
def test_an_event_is_told_in_a_few_words(action: dict[str, Any], words: str) -> None:
    assert described(happening(Event(1, 0.0, action)), {3: "lte"}) == words


@pytest.mark.parametrize(
    ("at", "action", "said"),
    [
        (1.0, {}, "it is nothing"),
        (1.0, {"link": ["a", "b"]}, "it is nothing"),
        (1.0, {"link": ["a", "b"], "down": True, "up": True}, "it is down and up"),
        (1.0, {"link": ["a", "b"], "crash": True}, "crash of link"),
        (1.0, {"node": "a", "link": ["a", "b"], "crash": True}, "crash of link and node"),
        (1.0, {"link": ["a", "b"], "set": {}}, "set is not a table"),
        (1.0, {"link": ["a", "b"], "flap": {"period": "1 ms"}}, "too short a period"),
        (1.0, {"": 7}, "cannot be understood"),
        (-1.0, {"node": "a", "crash": True}, "at -1.0 s"),
        (float("nan"), {"node": "a", "crash": True}, "at nan s"),
    ],
)
def test_a_row_that_says_nothing_is_refused(at: float, action: dict[str, Any], said: str) -> None:
    with pytest.raises(RunError, match="event 4 cannot be understood") as refused:
        happening(Event(4, at, action))
    assert said in str(refused.value)


def test_links_and_nodes_go_down_and_come_up() -> None:
    assert asked({"link": ["n2", "n1"], "down": True}) == Orders([LinkUpdate(1, up=False)])
    assert asked({"link": ["n2", "n3"], "up": True}) == Orders([LinkUpdate(2, up=True)])
    assert asked({"link": ["n1", "n2"], "flap": {"period": "1 s"}}) == Orders([LinkUpdate(1, up=False)])
    assert asked({"node": "n3", "crash": True}) == Orders(nodes={3: False})
    assert asked({"node": "n3", "restart": True}) == Orders(nodes={3: True})
    assert asked({"node": "n3", "crash": True}).rows == {("node", 3)}


def test_directions_are_as_the_ends_were_named() -> None:
    said = {"delay": "5 ms"}
    there = {"set": said, "direction": "forward"}
    assert asked({"link": ["n1", "n2"], "set": said}).links == [LinkUpdate(1, None, said, said)]
    assert asked({"link": ["n1", "n2"], **there}).links == [LinkUpdate(1, forward=said)]
    assert asked({"link": ["n2", "n1"], **there}).links == [LinkUpdate(1, backward=said)]


def test_a_partition_is_every_link_between_groups() -> None:
    ring = line(0, 0, 0, 0)
    put(ring, link(4, 4, 1), link(5, 1, 3))
    cut = asked({"partition": [["n1"], ["n3", "n4"]]}, ring)
    assert cut == Orders([LinkUpdate(4, up=False), LinkUpdate(5, up=False)])
    healed = asked({"partition": [["n1"], ["n3", "n4"]], "heal": True}, ring)
    assert [(update.link, update.up) for update in healed.links] == [(4, True), (5, True)]


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({"link": ["n1", "n3"], "down": True}, "there is no link between n1 and n3"),
        ({"link": ["n1", "n9"], "down": True}, "there is no node n9"),
        ({"node": "n9", "crash": True}, "there is no node n9"),
        ({"partition": [["n1"], ["n3"]]}, "no link leads"),
    ],
)
def test_what_is_gone_cannot_be_changed(action: dict[str, Any], said: str) -> None:
    with pytest.raises(RunError, match=said):
        asked(action)


def test_what_is_put_back_is_one_change_a_row() -> None:
    assert orders_back(
        {
            ("link", 1, "", "up"): True,
            ("link", 1, "forward", "delay"): "5 ms",
            ("link", 1, "forward", "rate"): None,
            ("link", 2, "backward", "loss"): "1 %",
            ("node", 3, "", "up"): False,
        }
    ) == Orders(
        [
            LinkUpdate(1, up=True, forward={"delay": "5 ms", "rate": None}),
            LinkUpdate(2, backward={"loss": "1 %"}),
        ],
        {3: False},
    )


def test_all_links_between_two_nodes_are_meant() -> None:
    twice = line(0, 0)
    put(twice, replace(link(7, 2, 1)))
    assert [update.link for update in asked({"link": ["n1", "n2"], "down": True}, twice).links] == [1, 7]
    assert view().links == {}
