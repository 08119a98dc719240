"""Waiting for names."""

from __future__ import annotations

import socket

import pytest

from nextmini.errors import PrerequisiteError
from nextmini.hosts.names import wait_for_host


class Time:
    """A clock that moves when somebody waits, and names that are known from a moment on."""

    def __init__(self, known: float) -> None:
        self.now = 0.0
        self.known = known
        self.asked: list[str] = []

    def lookup(self, host: str) -> None:
        self.asked.append(host)
        if self.now < self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, url: str, patience: float) -> None:
        wait_for_host(url, patience, lookup=self.lookup, clock=lambda: self.now, pause=self.pause)


def test_a_name_is_asked_for_until_it_is_known() -> None:
    time = Time(7)
    time.wait("wss://controller:7700/dataplane", 60)
    assert time.now == 7
    assert set(time.asked) == {"controller"}


def test_a_name_that_is_known_is_not_waited_for() -> None:
    time = Time(0)
    time.wait("postgresql://nextmini@postgres:5432/nextmini", 60)
    assert (time.now, time.asked) == (0, ["postgres"])


def test_patience_ends_with_what_failed_and_what_to_do() -> None:
    time = Time(100)
    with pytest.raises(PrerequisiteError, match=r"the name controller has not been known for 60 s.*Name or"):
        time.wait("wss://controller:7700/dataplane", 60)
    assert time.now == 60


@pytest.mark.parametrize("url", ["postgresql:///nextmini?host=/run/socket", "ws://[", ""])
def test_what_has_no_host_is_not_waited_for(url: str) -> None:
    time = Time(1)
    time.wait(url, 0)
    assert time.asked == []
