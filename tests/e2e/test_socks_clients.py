"""SOCKS entrances on the machine's loopback: clients of other people, and bad and hostile ones."""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import sys
import time
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
import socks
from labs import Lab, running, set_rows
from program import PATIENCE
from python_socks.async_.asyncio import Proxy
from socks_client import (
    GREETING,
    NO_ADDRESS_TYPE,
    NO_COMMAND,
    NO_HOST,
    NO_NETWORK,
    NOT_ALLOWED,
    OK,
    REFUSED,
    Client,
    close,
    echo,
    free_ports,
    request,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 4
"""Connections of the small entrance."""
LONG = (b"n" * 255, "pässwort".encode() + b"p" * 246)
SHORT_ONES = 10_000
AT_A_TIME = 20
WARM_UP = 400
DEADLINE = 10
"""Seconds in which clients have to say what they want."""
SPARES = 2 * 64
"""Ends of the pipes that a process keeps."""


class Entrances:
    """A network that this machine is in front of, by the ports of its entrances."""

    def __init__(self, lab: Lab, ports: list[int]) -> None:
        self.lab = lab
        self.open, self.users, self.small = ports
        self.pipes = lab.descriptors()["pipe"]
        """Of the dataplane process, before there was any connection."""


SCENARIO = """
[topology]
kind = "custom"
nodes = ["n1", "n2", "n3", "n4", "n5", "n6", "far", "gone", "bridge", "island"]
[[links]]
ends = ["n1", "n2"]
[[links]]
ends = ["n2", "n3"]
[[links]]
ends = ["n3", "n4"]
[[links]]
ends = ["n4", "n5"]
[[links]]
ends = ["n5", "n6"]
[[links]]
ends = ["n5", "far"]
delay = "1 ms"
[[links]]
ends = ["n5", "gone"]
[[links]]
ends = ["n5", "bridge"]
[[links]]
ends = ["bridge", "island"]
[[socks]]
node = "n1"
listen = {0}
[[socks]]
node = "n1"
listen = {1}
users = "users"
[[socks]]
node = "n1"
listen = {2}
connections = {most}
"""
SERVER = "10.0.0.6"


@pytest.fixture(scope="module")
def entrances(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entrances]:
    """A line of six nodes with entrances at the first one, and branches at the fifth."""
    home, ports = tmp_path_factory.mktemp("clients"), free_ports(3)
    (home / "work").mkdir()
    (home / "work" / "users").write_bytes(b":".join(LONG) + b"\nalice:secret\n")
    with running(home, SCENARIO.format(*ports, most=MOST), "none") as lab:
        yield Entrances(lab, ports)


def through(port: int, user: str | None = None, password: str | None = None) -> socks.socksocket:
    """A socket of PySocks."""
    made = socks.socksocket()
    made.set_proxy(socks.SOCKS5, "127.0.0.1", port, rdns=True, username=user, password=password)
    made.settimeout(PATIENCE)
    return made


@pytest.mark.parametrize("host", [SERVER, "n6", "fd00:6e6d::6"])
def test_the_bound_address_is_the_one_that_the_server_sees(entrances: Entrances, host: str) -> None:
    family, own = (socket.AF_INET6, "::1") if ":" in host else (socket.AF_INET, "127.0.0.1")
    with socket.create_server((own, 0), family=family) as server, through(entrances.open) as client:
        client.connect((host, server.getsockname()[1]))
        connection, peer = server.accept()
        with connection:
            assert client.get_proxy_sockname() == peer[:2]
            assert peer[0] == own


def test_each_side_may_end_before_the_other(entrances: Entrances) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for first in range(2):
            with through(entrances.users, "alice", "secret") as client:
                client.connect(("n6", server.getsockname()[1]))
                connection = server.accept()[0]
                connection.settimeout(PATIENCE)
                with connection:
                    early, late = [(client, connection), (connection, client)][first]
                    early.sendall(b"question")
                    early.shutdown(socket.SHUT_WR)
                    assert everything(late) == b"question"
                    late.sendall(b"answer" * 100_000)
                    late.shutdown(socket.SHUT_WR)
                    assert everything(early) == b"answer" * 100_000


def everything(connection: socket.socket) -> bytes:
    """What comes up to an orderly end."""
    with connection.makefile("rb") as file:
        return file.read()


@pytest.mark.asyncio
@pytest.mark.parametrize("users", [False, True])
async def test_what_follows_the_request_at_once_comes_first(entrances: Entrances, users: bool) -> None:
    async with serving(echo) as port, Client.at(entrances.users if users else entrances.open) as client:
        data = random.Random(1).randbytes(300_000)
        if users:
            assert await client.log_in(b"alice", b"secret") == 0
            client.send(request("n6", port) + data)
            reply = await client.reply()
        else:
            reply = await client.connect("n6", port, data)
        assert reply.code == OK
        assert await client.receive(len(data)) == data


@pytest.mark.asyncio
async def test_two_hundred_connections_of_a_browser_are_whole(entrances: Entrances) -> None:
    contents = random.Random(2).randbytes(1_000_000)
    sizes = random.Random(3).choices([100, 3_000, 20_000, 150_000, 1_000_000], [3, 5, 5, 3, 1], k=200)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(contents[: int(await reader.readline())])
        await writer.drain()

    async with serving(serve) as port:
        room = asyncio.Semaphore(AT_A_TIME)

        async def fetch(number: int, size: int) -> None:
            login = "alice:secret@" if number % 2 else ""
            entrance = entrances.users if number % 2 else entrances.open
            proxy = Proxy.from_url(f"socks5://{login}127.0.0.1:{entrance}", rdns=True)
            async with room:
                connected = await proxy.connect(["n6", SERVER][number // 2 % 2], port)
                reader, writer = await asyncio.open_connection(sock=connected)
                writer.write(b"%d\n" % size)
                assert await reader.read(-1) == contents[:size]
                await close(writer)

        await asyncio.gather(*(fetch(number, size) for number, size in enumerate(sizes)))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("host", "code"),
    [
        (SERVER, REFUSED),
        ("fd00:6e6d::6", REFUSED),
        ("n1", REFUSED),
        ("nobody", NO_HOST),
        ("n" * 255, NO_HOST),
        ("198.51.100.7", NO_NETWORK),
        ("10.0.0.99", NO_NETWORK),
        ("2001:db8::7", NO_NETWORK),
        ("127.0.0.1", NOT_ALLOWED),
        ("::1", NOT_ALLOWED),
        ("0.0.0.0", NOT_ALLOWED),
        ("far", NOT_ALLOWED),
    ],
)
async def test_a_refusal_says_why(entrances: Entrances, host: str, code: int) -> None:
    (closed,) = free_ports(1)
    async with Client.at(entrances.open) as client:
        reply = await client.connect(host, closed)
        assert (reply.code, str(reply.address), reply.port) == (code, "0.0.0.0", 0)
        assert await client.rest() == b""


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("message", "code"),
    [
        (request(SERVER, 80, command=2), NO_COMMAND),
        (request(SERVER, 80, command=3), NO_COMMAND),
        (b"\x05\x01\x00\x09\x0a\x00\x00\x06\x00\x50", NO_ADDRESS_TYPE),
        (b"\x05\x01\x00\x03\x00\x00\x50", NO_HOST),
    ],
)
async def test_what_is_not_done_here_is_said(entrances: Entrances, message: bytes, code: int) -> None:
    async with Client.at(entrances.open) as client:
        client.send(GREETING + message)
        assert await client.receive(2) == b"\x05\x00"
        assert (await client.reply()).code == code
        assert await client.rest() == b""


@pytest.mark.asyncio
async def test_nodes_that_are_down_are_out_of_reach(entrances: Entrances) -> None:
    async with serving(echo) as port:
        for crashed, host, code in [("gone", "gone", NO_HOST), ("bridge", "island", NO_NETWORK)]:
            async with Client.at(entrances.open) as client:
                assert (await client.connect(host, port)).code == OK
                await set_rows(entrances.lab.program, f"UPDATE nodes SET up = false WHERE name = '{crashed}'")
                with pytest.raises(ConnectionResetError):
                    await client.rest()
            async with Client.at(entrances.open) as client:
                assert (await client.connect(host, port)).code == code


@pytest.mark.asyncio
async def test_names_and_passwords_may_be_long(entrances: Entrances) -> None:
    async with serving(echo) as port, Client.at(entrances.users) as client:
        assert await client.log_in(*LONG) == 0
        client.send(request("n6", port) + b"hello")
        assert (await client.reply()).code == OK
        assert await client.receive(5) == b"hello"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "password"),
    [(b"alice", b"Secret"), (b"alice", b""), (LONG[0], LONG[1][:-1]), (LONG[0][1:], LONG[1])],
)
async def test_a_wrong_login_is_said_to_be_wrong(entrances: Entrances, name: bytes, password: bytes) -> None:
    async with Client.at(entrances.users) as client:
        assert await client.log_in(name, password) != 0
        assert await client.rest() == b""


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (b"GET http://10.0.0.6/ HTTP/1.1\r\n\r\n", b""),
        (b"\x04\x01\x00\x50\x0a\x00\x00\x06\x00", b""),
        (b"\x05\x00", b"\x05\xff"),
        (b"\x05\x02\x01\x02", b"\x05\xff"),
        (GREETING + b"\x04\x01\x00\x01\x0a\x00\x00\x06\x00\x50", b"\x05\x00"),
    ],
)
async def test_what_makes_no_sense_has_an_orderly_end(
    entrances: Entrances, message: bytes, answer: bytes
) -> None:
    async with Client.at(entrances.open) as client:
        client.send(message)
        assert await client.rest() == answer


@pytest.mark.asyncio
async def test_a_client_that_ends_early_is_let_go(entrances: Entrances) -> None:
    whole = GREETING + request(SERVER, 80)
    for end in range(len(whole)):
        async with Client.at(entrances.open) as client:
            client.send(whole[:end])
            client.writer.write_eof()
            assert await client.rest() in (b"", b"\x05\x00")


@pytest.mark.asyncio
async def test_a_flood_is_reset_and_later_clients_are_served(entrances: Entrances) -> None:
    async with serving(echo) as port, AsyncExitStack() as inside:
        first = [await inside.enter_async_context(Client.at(entrances.small)) for _ in range(MOST)]
        for client in first:
            assert (await client.connect("n6", port)).code == OK
        flood = await asyncio.gather(*(is_served(entrances.small, port) for _ in range(50 * MOST)))
        assert not any(flood)
        for client in first:
            client.send(b"still here")
            assert await client.receive(10) == b"still here"
        await close(first[0].writer)
        async with asyncio.timeout(PATIENCE):
            while not await is_served(entrances.small, port):  # its place is free when its end has been seen
                pass


async def is_served(entrance: int, port: int) -> bool:
    """Whether a client is connected; one that is too many is reset."""
    try:
        async with Client.at(entrance) as client:
            return (await client.connect("n6", port)).code == OK
    except ConnectionResetError:
        return False


@pytest.mark.asyncio
async def test_the_silent_are_closed_and_ten_thousand_leave_nothing_behind(entrances: Entrances) -> None:
    lab = entrances.lab
    async with serving(echo) as port:
        await short_ones(entrances.open, port, WARM_UP)
        before, began = lab.descriptors(), time.monotonic()
        async with Client.at(entrances.open) as silent, Client.at(entrances.users) as half:
            half.send(b"\x05\x01\x02\x01\x05ali")
            await short_ones(entrances.open, port, SHORT_ONES)
            async with asyncio.timeout(3 * DEADLINE):
                assert await half.rest() == b"\x05\x02"
                assert await silent.rest() == b""
        assert time.monotonic() - began >= DEADLINE
        async with asyncio.timeout(PATIENCE):
            while (now := await asyncio.to_thread(lab.descriptors))["socket"] > before["socket"]:
                pass  # each look takes a while
    # Some pipes are kept, so that the next ones need not be made.
    assert now.pop("pipe") <= entrances.pipes + SPARES
    del before["pipe"]
    assert now == before


async def short_ones(entrance: int, port: int, count: int) -> None:
    """So many connections, some at a time, each with one question and its answer."""
    numbers = iter(range(count))

    async def some() -> None:
        for number in numbers:
            async with Client.at(entrance) as client:
                question = b"%d" % number
                reply = await client.connect(SERVER, port, question)
                assert reply.code == OK
                client.writer.write_eof()
                assert await client.rest() == question

    await asyncio.gather(*(some() for _ in range(AT_A_TIME)))


ENDLESS = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    connection = server.accept()[0]
    connection.recv(1)
    print("began", flush=True)
    sys.stdin.read()
"""


def test_a_server_that_is_killed_is_a_reset_at_its_client(entrances: Entrances) -> None:
    with child(ENDLESS) as server, through(entrances.open) as client:
        client.connect((SERVER, int(line_of(server))))
        client.sendall(bytes(100_000))  # more than it has read
        assert line_of(server) == "began"
        server.kill()
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while True:
                client.sendall(bytes(1_000_000))


@contextmanager
def child(text: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program that is gone afterwards."""
    with subprocess.Popen(
        [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that it prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


CLIENT = """
import socket, sys
with socket.create_connection(("127.0.0.1", {entrance})) as client:
    client.sendall({message})
    client.recv(100)
    print("began", flush=True)
    sys.stdin.read()
"""


def test_a_client_that_is_killed_is_a_reset_at_its_server(entrances: Entrances) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        message = GREETING + request(SERVER, server.getsockname()[1])
        with child(CLIENT.format(entrance=entrances.open, message=message)) as client:
            connection = server.accept()[0]
            connection.settimeout(PATIENCE)
            with connection:
                connection.sendall(bytes(100_000))  # more than it has read
                assert line_of(client) == "began"
                client.kill()
                with pytest.raises((ConnectionResetError, BrokenPipeError)):
                    while True:
                        connection.sendall(bytes(1_000_000))
