"""A SOCKS 5 client (RFC 1928, RFC 1929) that says whatever a test wants, and servers for it to reach."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK, BAD, NOT_ALLOWED, NO_NETWORK, NO_HOST, REFUSED, NO_COMMAND, NO_ADDRESS_TYPE = 0, 1, 2, 3, 4, 5, 7, 8
CONNECT = 1
GREETING = b"\x05\x01\x00"


@dataclass(frozen=True)
class Reply:
    """What became of a request, and where the connection comes from."""

    code: int
    address: IPv4Address | IPv6Address
    port: int


@dataclass
class Client:
    """A connection to an entrance, and through it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    @asynccontextmanager
    async def at(cls, port: int) -> AsyncIterator[Client]:
        """Connects to a port of this machine."""
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        try:
            yield client
        finally:
            await close(client.writer)

    def send(self, data: bytes) -> None:
        """Sends without waiting for anything."""
        self.writer.write(data)

    async def receive(self, count: int) -> bytes:
        """So many bytes."""
        return await self.reader.readexactly(count)

    async def rest(self) -> bytes:
        """Everything up to an orderly end."""
        return await self.reader.read(-1)

    async def log_in(self, name: bytes, password: bytes) -> int:
        """Greets, and says who it is; returns the answer, 0 being a welcome."""
        self.send(b"\x05\x01\x02" + login(name, password))
        assert await self.receive(2) == b"\x05\x02"
        version, answer = await self.receive(2)
        assert version == 1
        return answer

    async def connect(self, host: str, port: int, behind: bytes = b"") -> Reply:
        """Greets, and asks for a connection; `behind` follows at once."""
        self.send(GREETING + request(host, port) + behind)
        assert await self.receive(2) == b"\x05\x00"
        return await self.reply()

    async def reply(self) -> Reply:
        """The reply to a request."""
        version, code, reserved, kind = await self.receive(4)
        assert (version, reserved) == (5, 0)
        address = ip_address(await self.receive({1: 4, 4: 16}[kind]))
        (port,) = struct.unpack("!H", await self.receive(2))
        return Reply(code, address, port)


def login(name: bytes, password: bytes) -> bytes:
    """A login with a name and a password."""
    return b"\x01" + counted(name) + counted(password)


def request(host: str, port: int, command: int = CONNECT) -> bytes:
    """A request for a connection to an address, or to a name if it is none."""
    try:
        address = ip_address(host)
        where = bytes([1 if address.version == 4 else 4]) + address.packed
    except ValueError:
        where = b"\x03" + counted(host.encode())
    return bytes([5, command, 0]) + where + struct.pack("!H", port)


def counted(data: bytes) -> bytes:
    """With its length in front."""
    return bytes([len(data)]) + data


async def close(writer: asyncio.StreamWriter) -> None:
    """Closes a connection, whatever has become of it."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """A server at a free port of this machine, which is that of every node without a namespace.

    In the end all of its clients are to be gone.
    """
    handling: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await handler(reader, writer)
        await close(writer)

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.add(asyncio.create_task(handle(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=4096)
    async with server:
        try:
            yield server.sockets[0].getsockname()[1]
        except BaseException:
            for one in handling:
                one.cancel()
            raise
        finally:
            ended = await asyncio.gather(*handling, return_exceptions=True)
    assert ended == [None] * len(ended)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends everything back."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody has, and that it gives to nobody who does not ask for them."""
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.add(port)
    return list(found)
