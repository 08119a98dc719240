"""Random bytes at every port of an experiment: nothing ends or fills up, and what is real goes on.

The sockets at which captures are asked for are in a folder of the user's own, so no stranger reaches them.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import socket
import socketserver
import struct
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from program import PATIENCE, resident, said
from socks_client import GREETING, free_ports, request
from test_live import assert_nothing_left, up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from program import Program

SECONDS = 10
MOST_GROWTH = 32 << 20
MOST_LINES = 1_000
"""Of all logs together: each listener has some at once, and a few in each second."""
HELD = 16
"""Connections of each kind that say something and then stay."""
RING = """
[experiment]
name = "noisy"
processes = 2
interval = "100 ms"
[topology]
kind = "ring"
nodes = 4
[[links]]
ends = ["n2", "n3"]
transport = "quic"
[[links]]
ends = ["n2", "n4"]
transport = "tls"
[[socks]]
node = "n1"
listen = {0}
[[flows]]
name = "long"
source = "n2"
destination = "n3"
duration = "1 h"
rate = "20 Mbit/s"
"""
BEGINNINGS = (
    b"",
    b"NMLK\0\1",
    b"\x05\x01\x00",
    b"\x05\x02\x00\x02",
    b"GET /dataplane HTTP/1.1\r\n",
    b"\x16\x03",
)
"""What those begin with who belong here: links, SOCKS clients, processes; and TLS."""


def _sockets(pid: int) -> set[str]:
    """The numbers of a process's sockets."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                found.add(target.removeprefix("socket:[").removesuffix("]"))
    return found


def _ports(pids: list[int], protocol: str, state: str) -> list[int]:
    """The ports of these processes' sockets in `state`, in hexadecimal digits as the kernel has it."""
    ours = set().union(*map(_sockets, pids))
    rows = [line.split() for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]]
    return sorted({int(row[1].split(":")[1], 16) for row in rows if row[3] == state and row[9] in ours})


def _lines(folder: Path) -> int:
    return sum(len(log.read_bytes().splitlines()) for log in (folder / "logs").iterdir())


def _datagrams(chance: random.Random, ports: list[int], enough: threading.Event) -> None:
    """Half of them begin as QUIC's first packets do."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        while not enough.is_set():
            some = chance.randbytes(chance.randrange(1, 1_472))
            packet = some if chance.random() < 0.5 else b"\xc3\x00\x00\x00\x01\x08" + some
            sending.sendto(packet, ("127.0.0.1", chance.choice(ports)))


def _connections(chance: random.Random, port: int, enough: threading.Event) -> None:
    """Some of them stay, some listen for an answer, some are reset in the middle."""
    held: list[socket.socket] = []
    try:
        while not enough.is_set():
            with suppress(OSError):
                one = socket.create_connection(("127.0.0.1", port), timeout=0.1)
                held.append(one)
                most = 1 << chance.randrange(1, 17)
                one.sendall(chance.choice(BEGINNINGS) + chance.randbytes(chance.randrange(1, most)))
                if chance.random() < 0.2:
                    one.recv(100)
                if chance.random() < 0.3:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            while len(held) > HELD:
                held.pop(chance.randrange(len(held))).close()
    finally:
        for one in held:
            one.close()


@contextmanager
def _noise(tcp: list[int], udp: list[int]) -> Iterator[float]:
    """Is made as long as this lasts; gives the moment after which it may end."""
    enough = threading.Event()
    talking: list[tuple[Callable[..., None], object]] = [(_connections, port) for port in tcp]
    threads = [
        threading.Thread(target=talk, args=(random.Random(seed), where, enough))
        for seed, (talk, where) in enumerate([*talking, (_datagrams, udp)])
    ]
    for thread in threads:
        thread.start()
    try:
        yield time.monotonic() + SECONDS
    finally:
        enough.set()
        for thread in threads:
            thread.join()


class _Digest(socketserver.StreamRequestHandler):
    """Answers with the SHA-256 of all that it was sent."""

    def handle(self) -> None:
        self.wfile.write(hashlib.sha256(self.rfile.read()).digest())


@contextmanager
def _server() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Digest) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def _sent_through(entrance: int, server: int, data: bytes) -> bytes:
    """What a server at the other end of the network says of what a SOCKS client has sent."""
    with socket.create_connection(("127.0.0.1", entrance), timeout=PATIENCE) as client:
        client.sendall(GREETING + request("n4", server))
        with client.makefile("rb") as answers:
            assert answers.read(2 + 10)[:4] == b"\x05\x00\x05\x00"
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            return answers.read()


def _real(program: Program, entrance: int, server: int, data: bytes) -> None:
    """A flow over the QUIC link, one over TCP, one inside TLS, and a program's connection: all whole."""
    for ends in (("n2", "n3"), ("n4", "n1"), ("n4", "n2")):
        flow = said(program, "flow", "add", *ends, "--size", "1 MB", "--wait")
        assert (flow["status"], flow["bytes"]) == ("completed", 1_000_000)
    assert _sent_through(entrance, server, data) == hashlib.sha256(data).digest()


def test_noise_at_every_port_ends_nothing_and_what_is_real_goes_on(program: Program) -> None:
    (entrance,) = free_ports(1)
    folder = program.work / up(program, RING.format(entrance))["folder"]
    database = {program.database()}
    pids = [pid for pid in program.processes() if pid not in database and _ports([pid], "tcp", "0A")]
    tcp, udp = _ports(pids, "tcp", "0A"), _ports(pids, "udp", "07")
    assert {program.dataplane(0), program.dataplane(1)} < set(pids), "and the controller"
    assert entrance in tcp
    assert len(tcp) == 4, "the links of two processes, the controller, the entrance"
    assert set(tcp) & set(udp) == set(_ports([program.dataplane(0), program.dataplane(1)], "tcp", "0A")) - {
        entrance
    }
    data = random.Random(1).randbytes(1_000_000)
    with _server() as server:
        _real(program, entrance, server, data)
        memory, lines = {pid: resident(pid) for pid in pids}, _lines(folder)
        with _noise(tcp, udp) as least:
            while time.monotonic() < least:
                _real(program, entrance, server, data)
        _real(program, entrance, server, data)
    for pid, before in memory.items():
        assert resident(pid) - before < MOST_GROWTH
    status = said(program, "status")
    assert (status["troubles"], status["links"]) == ([], {"up": 5})
    assert _lines(folder) - lines < MOST_LINES
    done = said(program, "down")
    long, *others = done["flows"]
    assert (long["name"], long["status"]) == ("long", "stopped")
    for flow in others:
        assert (flow["status"], flow["bytes"], flow["checksum"][:5]) == ("completed", 1_000_000, "xxh3:"), (
            flow
        )
    logs = "".join((folder / "logs" / log).read_text() for log in os.listdir(folder / "logs"))
    counts = re.findall(r"some were no connections of links, and were refused connections=(\d+)", logs)
    assert len(counts) == 2, "each process counts"
    assert min(map(int, counts)) > 0
    assert_nothing_left(program)
