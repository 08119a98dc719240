"""Processes of sites: which one a newcomer is, how it joins, and what is said of those that do not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from nextmini.controller.actual import Actual, Missing, Row, RowState
from nextmini.controller.attendance import Attendance
from nextmini.controller.joining import absent, join_command, url_elsewhere
from nextmini.controller.seating import check_public, seat_at
from nextmini.errors import ProtocolError
from nextmini.protocol import VERSION, Join, Seat
from nextmini.scenario.network import Site

LAB = Site("lab", 0, 1, "2001:db8::7", None, (7000, 7010), 120.0)
HOME = Site("home", 1, 2, None, "10.0.0.5", None, 0.0)
SITES = (LAB, HOME)


def test_a_newcomer_is_the_first_that_is_missing() -> None:
    assert seat_at("lab", SITES, ()) == Seat(0, "::", (7000, 7010))
    assert seat_at("home", SITES, {0}) == Seat(1, "0.0.0.0", None)
    assert seat_at("home", SITES, {1}) == Seat(2, "0.0.0.0", None)


@pytest.mark.parametrize(
    ("site", "sites", "told"),
    [
        ("lab", (), "this experiment has no sites; say which process it is with --process"),
        ("hme", SITES, 'there is no site "hme"; did you mean "home"?'),
        ("moon", SITES, 'there is no site "moon"; the sites are lab, home'),
        ("lab", SITES, "nobody is missing at the site lab: its process is connected; end one first"),
        ("home", SITES, "nobody is missing at the site home: all its 2 processes are connected"),
    ],
)
def test_who_has_no_place_is_told_why(site: str, sites: tuple[Site, ...], told: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        seat_at(site, sites, {0, 1, 2})
    assert str(caught.value).startswith(told)


def test_what_a_process_calls_its_address_is_one() -> None:
    check_public(None)
    check_public("2001:db8::7")
    with pytest.raises(ProtocolError, match='"lab" is not an IP address'):
        check_public("lab")


@pytest.mark.parametrize(
    ("listen", "public", "own", "url"),
    [
        ("127.0.0.1:0", None, None, "wss://127.0.0.1:7/dataplane"),
        ("localhost:0", None, "192.0.2.1", "wss://127.0.0.1:7/dataplane"),
        ("0.0.0.0:0", None, "192.0.2.1", "wss://192.0.2.1:7/dataplane"),
        ("0.0.0.0:0", None, None, "wss://127.0.0.1:7/dataplane"),
        ("0.0.0.0:0", "lab.example", "192.0.2.1", "wss://lab.example:7/dataplane"),
        ("0.0.0.0:0", "198.51.100.2", "192.0.2.1", "wss://198.51.100.2:7/dataplane"),
        ("[::]:0", "[2001:db8::1]", None, "wss://[2001:db8::1]:7/dataplane"),
        ("[::]:0", "[2001:db8::1]:80", None, "wss://[2001:db8::1]:80/dataplane"),
        ("[::]:0", "lab.example:80", None, "wss://lab.example:80/dataplane"),
    ],
)
def test_the_url_for_other_machines(listen: str, public: str | None, own: str | None, url: str) -> None:
    assert url_elsewhere("wss://127.0.0.1:7/dataplane", listen, public, own) == url


def test_the_command_is_whole() -> None:
    assert join_command("wss://lab:7/dataplane", "token", "3f", "home") == (
        "nextmini dataplane --join wss://lab:7/dataplane --tls-fingerprint 3f --token-file token --site home"
    )
    assert "fingerprint" not in join_command("ws://127.0.0.1:7/dataplane", "token", None, "home")


def test_it_is_said_how_many_are_missing() -> None:
    patient = replace(HOME, patience=60.0)
    assert absent(patient, 2) == "the site home did not join within 60 s"
    assert absent(patient, 1) == "1 process of the site home did not join within 60 s"


def test_rows_of_a_process_that_never_came_say_so_until_it_does() -> None:
    actual, row = Actual(), ("link", 1)
    rows: tuple[Row, ...] = (("link", 1),)
    actual.missing(1, Missing("pending", "not yet"))
    actual.expect(rows[0], (0, 1))
    actual.applied(rows, 0, 5, {})
    assert actual.states[rows[0]] == RowState("pending", "not yet", 5)
    assert actual.waiting == {row}
    actual.missing(1, Missing("failed", "too late"))
    assert (actual.waiting, actual.refused) == (set(), {row: "too late"})
    actual.present(1)
    assert (actual.waiting, actual.refused) == ({row}, {})
    actual.applied(rows, 1, 6, {})
    assert actual.states[rows[0]] == RowState("up", None, 6)


@pytest.mark.asyncio
async def test_whoever_does_not_come_in_time_is_given_up_and_a_place_is_given_once() -> None:
    told: asyncio.Queue[tuple[set[int], str]] = asyncio.Queue()
    actual = Actual()
    found = Attendance(
        SITES, actual, "nextmini ... {}".format, lambda who, why: told.put_nowait((set(who), why))
    )
    seat = found.seat(Join(VERSION, "home"), ())
    assert (seat.process, found.seat(Join(VERSION, "home"), ()).process) == (1, 2)
    found.unseat(seat)
    assert found.seat(Join(VERSION, "home"), ()).process == 1
    assert found.came(1)
    assert not found.came(1), "it is missing no more"
    found.begin()
    async with asyncio.timeout(30):
        who, why = await told.get()
    assert who == {2}
    assert why == "1 process of the site home did not join within 0 s; there, run: nextmini ... home"
    found.end()
    assert told.empty(), "the lab has time"
