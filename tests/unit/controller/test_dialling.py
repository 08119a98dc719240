"""Who connects to whom, and where to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nextmini.controller.dialling import NEITHER_REACHED, Call, NoCall, Reach, call, reach_of
from nextmini.controller.placement import Unplaceable, place_link
from nextmini.protocol import DirectionRecord
from nextmini.scenario.network import Site

from .rows import link, node, view

LAB = Site("lab", 0, 1, "192.0.2.7", None, (7000, 7010), 120.0)
HOME = Site("home", 1, 2, None, "10.0.0.5", None, 120.0)
SITES = (LAB, HOME)
INSIDE, OPEN = Reach("10.0.0.5:1"), Reach("10.0.0.6:1", "192.0.2.7:1")


@pytest.mark.parametrize(
    ("listen", "public", "site", "inside", "outside"),
    [
        ("127.0.0.1:9", None, None, "127.0.0.1:9", None),
        # Whoever listens at every address is reached where the scenario says, or is on one machine.
        ("0.0.0.0:7000", None, LAB, "127.0.0.1:7000", "192.0.2.7:7000"),
        ("0.0.0.0:9", None, HOME, "10.0.0.5:9", None),
        ("[::]:9", None, replace(HOME, private=None), "[::1]:9", None),
        # Whoever listens at one address knows better.
        ("10.0.0.99:9", None, HOME, "10.0.0.99:9", None),
        ("0.0.0.0:9", "198.51.100.4", HOME, "10.0.0.5:9", "198.51.100.4:9"),
        ("[::]:9", "2001:db8::7", LAB, "[::1]:9", "[2001:db8::7]:9"),
    ],
)
def test_where_links_of_a_process_arrive(
    listen: str, public: str | None, site: Site | None, inside: str, outside: str | None
) -> None:
    assert reach_of(listen, public, site) == Reach(inside, outside)


def test_inside_a_site_the_process_of_a_connects() -> None:
    assert call(INSIDE, OPEN, apart=False) == Call("a", "10.0.0.6:1")
    assert call(None, OPEN, apart=False) == Call("a", "10.0.0.6:1")
    assert call(OPEN, None, apart=False) == Call("a", None)


def test_between_sites_whoever_reaches_the_other_one_connects() -> None:
    assert call(INSIDE, OPEN, apart=True) == Call("a", "192.0.2.7:1")
    assert call(OPEN, INSIDE, apart=True) == Call("b", "192.0.2.7:1")
    assert call(OPEN, OPEN, apart=True) == Call("a", "192.0.2.7:1")
    assert call(INSIDE, INSIDE, apart=True) == NoCall(NEITHER_REACHED)
    assert call(INSIDE, None, apart=True) is None


def test_a_link_between_sites_is_turned_so_that_who_connects_is_its_end_a() -> None:
    row = link(1, 1, 2, "quic", forward={"delay": "1 ms"}, backward={"delay": "9 ms"})
    made = view(node(1, process=0), node(2, process=1), row)
    reaches = {0: OPEN, 1: INSIDE}
    assert place_link(row, made, {0: OPEN}, SITES) == {}
    placed = place_link(row, made, reaches, SITES)
    assert isinstance(placed, dict)
    dialling, listening = placed[1], placed[0]
    assert (dialling.a, dialling.b, dialling.dial, dialling.listen_end) == (2, 1, True, False)
    assert (listening.a, listening.b, listening.dial, listening.listen_end) == (2, 1, False, True)
    assert (dialling.peer, listening.peer) == ("192.0.2.7:1", None)
    assert dialling.apart
    assert listening.apart
    for record in placed.values():
        assert (record.forward, record.backward) == (
            DirectionRecord(delay_ns=9_000_000),
            DirectionRecord(delay_ns=1_000_000),
        )


def test_a_link_between_sites_that_cannot_be_says_why() -> None:
    made = view(node(1, process=0), node(2, process=1), link(1, 1, 2, "quic"))
    assert place_link(made.links[1], made, {0: INSIDE, 1: INSIDE}, SITES) == Unplaceable(NEITHER_REACHED)
    plain = place_link(replace(made.links[1], transport="tcp"), made, {0: OPEN, 1: INSIDE}, SITES)
    assert isinstance(plain, Unplaceable)
    assert "anybody on the way can read" in plain.reason


def test_processes_of_one_site_have_links_as_without_sites() -> None:
    made = view(node(1, process=1), node(2, process=2), link(1, 1, 2, "tcp"))
    placed = place_link(made.links[1], made, {1: INSIDE, 2: Reach("10.0.0.7:2")}, SITES)
    assert isinstance(placed, dict)
    assert (placed[1].dial, placed[1].peer, placed[1].apart) == (True, "10.0.0.7:2", False)
    assert (placed[2].listen_end, placed[2].peer) == (True, "10.0.0.5:1")
