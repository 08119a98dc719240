"""Where connections of SOCKS entrances go: out of the network, over many nodes, and over ways that break."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import socks
from labs import FILE, SERVER, running, set_rows
from program import PATIENCE
from socks_client import NO_NETWORK, NOT_ALLOWED, OK, Client, close, echo, free_ports, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labs import Lab
    from socks_client import Reply

HOPS = 30
CONNECTIONS = 2_000
AT_A_TIME = 200
MOST_DESCRIPTORS = 20_000
AT_ONCE = 10.0
"""Seconds until both ends know of a way that has broken; one is enough, on a machine that has time."""


def entrance(port: int) -> str:
    return f'[[socks]]\nnode = "a"\nlisten = {port}\n'


@pytest.mark.asyncio
async def test_thousands_of_silent_connections_over_thirty_hops(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    names = ["a", *(f"n{number}" for number in range(1, HOPS)), "z"]
    body = f'[topology]\nkind = "line"\nnodes = {names}\n' + entrance(port)
    with running(tmp_path, body, "none") as lab, files(3 * CONNECTIONS):
        async with serving(echo) as server:
            clients = await opened(port, server)
            assert lab.descriptors().total() < MOST_DESCRIPTORS
            for number, client in enumerate(clients):
                client.send(b"%05d" % number)
            for number, client in enumerate(clients):
                assert await client.receive(5) == b"%05d" % number
            assert 2 * CONNECTIONS < lab.descriptors().total() < MOST_DESCRIPTORS
            for client in clients:
                await close(client.writer)


@contextmanager
def files(count: int) -> Iterator[None]:
    """This process may have so many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def opened(entrance: int, server: int) -> list[Client]:
    """Many connections, all open."""
    room = asyncio.Semaphore(AT_A_TIME)

    async def one() -> Client:
        async with room:
            client = Client(*await asyncio.open_connection("127.0.0.1", entrance))
            assert (await client.connect("z", server)).code == OK
            return client

    return await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


WAYS = """
[topology]
kind = "custom"
nodes = ["a", "a2", "r", "r2", "z", "z2"]
[[links]]
ends = ["a", "r"]
[[links]]
ends = ["r", "z"]
[[links]]
ends = ["a", "a2"]
[[links]]
ends = ["a2", "z2"]
[[links]]
ends = ["z2", "z"]
"""


@dataclass(frozen=True)
class Ways:
    """Two ways from a to z: a shorter one by r, which is in a process of its own, and a longer one."""

    lab: Lab
    port: int

    def ask(self, server: int) -> int:
        """The reply to a request for z."""

        async def ask() -> Reply:
            async with Client.at(self.port) as client:
                return await client.connect("z", server)

        return asyncio.run(ask()).code

    @contextmanager
    def to_break(self, server: socket.socket) -> Iterator[None]:
        """A connection that is open, and to be reset at both ends afterwards."""
        with socks.socksocket() as client:
            client.set_proxy(socks.SOCKS5, "127.0.0.1", self.port, rdns=True)
            client.settimeout(PATIENCE)
            client.connect(("z", server.getsockname()[1]))
            connection = server.accept()[0]
            connection.settimeout(PATIENCE)
            with connection:
                connection.sendall(b"welcome")
                assert client.recv(100) == b"welcome"
                began = time.monotonic()
                yield
                for end in (client, connection):
                    with pytest.raises(ConnectionResetError):
                        end.recv(1)
                assert time.monotonic() - began < AT_ONCE


@pytest.fixture
def ways(tmp_path: Path) -> Iterator[Ways]:
    (port,) = free_ports(1)
    with running(tmp_path, WAYS + entrance(port), "none", processes=3) as lab:
        yield Ways(lab, port)


def test_a_way_that_breaks_is_a_reset_at_both_ends_and_another_one_may_be_taken(ways: Ways) -> None:
    lab = ways.lab

    def change(*command: str) -> None:
        done = lab.run(*command)
        assert done.code == 0, done

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with ways.to_break(server):
            change("link", "r", "z", "set", "delay=5 ms")
        assert ways.ask(port) == NOT_ALLOWED
        change("link", "r", "z", "set", "delay=none")
        with ways.to_break(server):
            asyncio.run(set_rows(lab.program, "UPDATE nodes SET up = false WHERE name = 'r'"))
        assert ways.ask(port) == NO_NETWORK
        change("node", "remove", "r")
        with ways.to_break(server):
            change("link", "a", "a2", "remove")
        assert ways.ask(port) == NO_NETWORK
        change("link", "a", "z2", "add")
        deadline = time.monotonic() + PATIENCE
        while ways.ask(port) != OK:  # that there was no way is remembered for a moment
            assert time.monotonic() < deadline


def test_a_process_that_dies_is_a_reset_at_both_ends(ways: Ways) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ways.to_break(server):
        os.kill(ways.lab.program.dataplane(1), signal.SIGKILL)


OUTSIDE = """
ip link set lo up
ip address add 192.0.2.1/32 dev lo
ip address add 2001:db8::1/128 dev lo nodad
mount --bind {hosts} /etc/hosts
echo there
read end
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[list[str]]:
    """How to start a program on another machine, as it were: one with addresses and a name of its own."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n::1 localhost\n192.0.2.1 outside.example\n")
    with subprocess.Popen(
        ["unshare", "--net", "--mount", "sh", "-ec", OUTSIDE.format(hosts=hosts)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        yield ["nsenter", f"--target={process.pid}", "--net", "--mount", f"--wd={tmp_path / 'work'}"]
        process.communicate()


LEAVING = """
[topology]
kind = "line"
nodes = ["a", "b", "z"]
[[socks]]
node = "a"
exit = "z"
[[socks]]
node = "a"
listen = 1081
"""

OUTSIDE_HOSTS = {"192.0.2.1": "192.0.2.1", "outside.example": "192.0.2.1", "[2001:db8::1]": "2001:db8::1"}
"""And whom a server there sees."""
REFUSALS = {
    1080: [
        (5, "192.0.2.1:9"),
        (5, "outside.example:9"),
        (4, "nobody.invalid:8000"),
        (3, "198.51.100.7:8000"),
        (2, "localhost:8000"),
        (2, "127.0.0.1:8000"),
        (2, "[::1]:8000"),
    ],
    1081: [
        (3, "192.0.2.1:8000"),
        (3, "[2001:db8::1]:8000"),
        (4, "outside.example:8000"),
        (4, "localhost:8000"),
    ],
}
"""Codes of replies, by what is asked for at the entrance with an exit and at the one without."""


@pytest.mark.parametrize("isolation", ["none", "process"])
def test_connections_leave_the_network_at_its_exit(
    tmp_path: Path, machine: list[str], isolation: str
) -> None:
    (tmp_path / "work").mkdir()
    with (
        running(tmp_path, LEAVING, isolation, under=machine) as lab,
        outside_server(machine),
    ):
        check_exit(lab, isolation, machine)


@contextmanager
def outside_server(machine: list[str]) -> Iterator[None]:
    """A web server on a machine, beside any network."""
    with subprocess.Popen([*machine, sys.executable, str(SERVER), FILE, "8000"]) as server:
        try:
            direct = [*machine, "curl", "--silent", "http://192.0.2.1:8000/peer"]
            deadline = time.monotonic() + PATIENCE
            while subprocess.run(direct, capture_output=True).returncode != 0:
                assert time.monotonic() < deadline
            yield
        finally:
            server.kill()


def check_exit(lab: Lab, isolation: str, machine: list[str]) -> None:
    """Asks for what is outside: from the machine, or from the first node if that has a network of its own."""

    def curl(port: int, *urls: str) -> tuple[str, str]:
        command = ["curl", "--silent", "--show-error", "--socks5-hostname", f"127.0.0.1:{port}", *urls]
        if isolation != "none":
            done = lab.inside("a", *command)
            return done.out, done.err
        ran = subprocess.run([*machine, *command], capture_output=True, text=True)
        return ran.stdout, ran.stderr

    out, err = curl(1080, "--write-out", "\\n", *(f"http://{host}:8000/peer" for host in OUTSIDE_HOSTS))
    assert [line.split()[0] for line in out.splitlines()] == [*OUTSIDE_HOSTS.values()], err
    for port, refusals in REFUSALS.items():
        _, err = curl(port, *(f"http://{host}/" for _, host in refusals))
        assert re.findall(r"\((\d)\)$", err, re.MULTILINE) == [str(code) for code, _ in refusals], err
