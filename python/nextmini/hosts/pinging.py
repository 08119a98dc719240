"""Pings between nodes: one socket inside each source, all of them served by one loop.

A program for each pair would take longer than the network does: 64 nodes have 4,032 pairs.
"""

from __future__ import annotations

import secrets
import selectors
import socket
import struct
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from nextmini.errors import RunError
from nextmini.hosts.commands import in_network
from nextmini.hosts.echo import EXCEEDED, REPLY, UNREACHABLE, answer, request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nextmini.hosts.commands import Place
    from nextmini.hosts.probes import Outcome, Request, Round

_SOL_RAW, _ICMP_FILTER = 255, 1
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_HEARD_TYPES = (REPLY, UNREACHABLE, EXCEEDED)
_BUFFER_BYTES = 2**22
_MOST_PACKET = 2048


class Pinger:
    """The sockets of a round's sources; for one thread."""

    def __init__(self, places: Mapping[str, Place], tasks: Round, heard: Callable[[Outcome], None]) -> None:
        """`heard` gets the outcome of each pair once it is complete."""
        self._places = places
        self._tasks = tasks
        self._heard = heard
        self._identity = secrets.randbits(16)
        self._sockets: dict[str, socket.socket] = {}

    def run(self) -> None:
        """Pings until all is done. Raises RunError if it cannot go inside a node or has no socket there.

        When that is interrupted, the round has what is known until then.
        """
        with ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            for source in self._tasks.sources:
                made = stack.enter_context(closing(in_network(self._places[source], _socket)))
                self._sockets[source] = made
                selector.register(made, selectors.EVENT_READ, source)
            self._go_on()
            while (wake := self._tasks.wake) is not None:
                for key, _ in selector.select(max(0.0, wake - time.monotonic())):
                    self._receive(key.data)
                self._go_on()

    def _go_on(self) -> None:
        while requests := self._tasks.due(time.monotonic()):
            self._send(requests)
        for outcome in self._tasks.completed():
            self._heard(outcome)

    def _send(self, requests: list[Request]) -> None:
        for wanted in requests:
            packet = request(self._identity, wanted.number, time.time_ns())
            try:
                self._sockets[wanted.source].sendto(packet, (wanted.address, 0))
            except OSError:  # the node itself knows no way
                self._tasks.unreachable((wanted.source, wanted.number), time.monotonic())

    def _receive(self, source: str) -> None:
        """Takes in all that has come for a node."""
        while True:
            try:
                packet, extra, _, _ = self._sockets[source].recvmsg(_MOST_PACKET, 128)
            except BlockingIOError:
                return
            except OSError:  # an error of a packet that we sent, which its own deadline covers
                continue
            found = answer(packet, self._identity)
            if found is None:
                continue
            key = (source, found.number)
            if found.sent is None:
                self._tasks.unreachable(key, time.monotonic())
            else:
                took = max(0, _stamp(extra) - found.sent) / 1e9
                self._tasks.answered(key, took, time.monotonic())


def _socket() -> socket.socket:
    """Raises RunError if there can be none."""
    try:
        made = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP)
    except PermissionError as error:
        raise RunError(f"pings need a raw socket: {error.strerror}", "run as root (sudo)") from error
    except OSError as error:
        raise RunError(f"pings need a socket in each node: {error.strerror}") from error
    wanted = sum(1 << kind for kind in _HEARD_TYPES)
    made.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", ~wanted & 0xFFFFFFFF))
    made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    return made


def _stamp(extra: list[tuple[int, int, bytes]]) -> int:
    """When the kernel had a packet, in nanoseconds of the same clock as time.time_ns()."""
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return int(seconds) * 10**9 + int(nanoseconds)
    return time.time_ns()
