"""SOCKS entrances in normal mode: connections as packets, under everything that is asked of links."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest
from labs import running, set_rows
from program import PATIENCE
from socks_client import (
    GREETING,
    NO_HOST,
    NO_NETWORK,
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

    from labs import Lab

DELAY = 0.01
RATE = 50_000_000
LINE = """
[topology]
kind = "line"
nodes = ["a", "b", "c", "d", "e"]
[topology.link]
rate = "50 Mbit/s"
delay = "10 ms"
loss = "0.5%"
[[socks]]
node = "a"
listen = {0}
mode = "normal"
"""
RING = """
[topology]
kind = "ring"
nodes = ["a", "b", "z", "c", "d"]
[topology.link]
rate = "20 Mbit/s"
delay = "2 ms"
[[socks]]
node = "a"
listen = {0}
mode = "normal"
"""


class Entrance:
    """An experiment, and the port of its entrance."""

    def __init__(self, lab: Lab, port: int) -> None:
        self.lab, self.port = lab, port


@pytest.fixture(scope="module", params=[1, 2])
def line(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entrance]:
    """A line of five nodes with an entrance at the first one, whose links delay and lose."""
    (port,) = free_ports(1)
    home = tmp_path_factory.mktemp("normal")
    with running(home, LINE.format(port), "none", processes=request.param) as lab:
        yield Entrance(lab, port)


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection as the kernel does with one of which something was unread."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.asyncio
async def test_every_byte_arrives_both_ways_and_no_sooner_than_links_let_it(line: Entrance) -> None:
    data = random.Random(1).randbytes(3_000_000)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read(-1)
        writer.write(digest(question).encode() + question[::-1])
        writer.write_eof()

    async with serving(answer) as server, Client.at(line.port) as client:
        began = time.monotonic()
        assert (await client.connect("e", server, data)).code == OK
        # There and back over four links.
        assert time.monotonic() - began > 8 * DELAY
        client.writer.write_eof()
        answered = await client.rest()
    assert (answered[:64].decode(), answered[64:]) == (digest(data), data[::-1])
    assert time.monotonic() - began > 2 * 8 * len(data) / RATE


@pytest.mark.asyncio
async def test_connections_are_made_at_the_same_time(line: Entrance) -> None:
    async with serving(echo) as server:

        async def one(number: int) -> None:
            async with Client.at(line.port) as client:
                said = random.Random(number).randbytes(10_000)
                assert (await client.connect("10.0.0.4", server, said)).code == OK
                assert await client.receive(len(said)) == said

        await asyncio.gather(*map(one, range(100)))


@pytest.mark.asyncio
async def test_a_refusal_says_why(line: Entrance) -> None:
    (closed,) = free_ports(1)
    for host, code in (("e", REFUSED), ("nobody", NO_HOST), ("192.0.2.1", NO_NETWORK), ("a", REFUSED)):
        async with Client.at(line.port) as client:
            assert (await client.connect(host, closed)).code == code
            assert await client.rest() == b""


@pytest.mark.asyncio
@pytest.mark.parametrize("breaks", ["client", "server"])
async def test_a_connection_that_breaks_is_a_reset_at_the_other_end(line: Entrance, breaks: str) -> None:
    connected, over = asyncio.Event(), asyncio.Event()
    seen: list[bool] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A connection that is reset before anybody knows of it has never been there.
        assert await reader.read(1) == b"x"
        connected.set()
        if breaks == "server":
            reset(writer)
        else:
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
            seen.append(True)
        over.set()

    async with serving(serve) as server, asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
        client = Client(reader, writer)
        assert (await client.connect("e", server, b"x")).code == OK
        await connected.wait()
        if breaks == "client":
            reset(writer)
        else:
            with pytest.raises(ConnectionResetError):
                await client.receive(1)
            seen.append(True)
        await over.wait()
        await close(writer)
    assert seen == [True]


@pytest.mark.asyncio
async def test_a_connection_goes_on_over_another_way(tmp_path_factory: pytest.TempPathFactory) -> None:
    (port,) = free_ports(1)
    data = random.Random(2).randbytes(4_000_000)
    begun = asyncio.Event()
    arrived = bytearray()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65_536):
            arrived.extend(piece)
            begun.set()
        writer.write(digest(bytes(arrived)).encode())

    home = tmp_path_factory.mktemp("ring")
    with running(home, RING.format(port), "none", processes=2) as lab:
        async with serving(take) as server, Client.at(port) as client, asyncio.timeout(PATIENCE):
            client.send(GREETING + request("z", server) + data)
            client.writer.write_eof()
            await begun.wait()
            done = await asyncio.to_thread(lab.run, "link", "a", "b", "remove")
            assert done.code == 0, done
            assert (await client.rest())[2 + 10 :].decode() == digest(data)


@pytest.mark.asyncio
async def test_a_node_that_goes_down_takes_its_connections_with_it(line: Entrance) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x")

    async with serving(greet) as server, Client.at(line.port) as client, asyncio.timeout(PATIENCE):
        assert (await client.connect("e", server)).code == OK
        assert await client.receive(1) == b"x"
        assert await client.rest() == b""
        await set_rows(line.lab.program, "UPDATE nodes SET up = false WHERE name = 'a'")
        with pytest.raises(ConnectionError):
            while True:
                client.send(b"more")
                await client.writer.drain()
        await set_rows(line.lab.program, "UPDATE nodes SET up = true WHERE name = 'a'")
