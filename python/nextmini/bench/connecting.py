"""How many dataplane processes a second the controller's server lets in: connect, prove, greet, leave."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect

from nextmini.controller.server import DataplaneServer
from nextmini.errors import RunError
from nextmini.protocol import VERSION, Hello, Welcome, decode, encode

if TYPE_CHECKING:
    from nextmini.controller.peer import Peer
    from nextmini.protocol import Message

AT_ONCE = 8
_TOKEN = "benchmark"  # noqa: S105 - it guards nothing


class _Open:
    """Welcomes everybody."""

    def welcome(self, hello: Hello) -> Welcome:
        return Welcome(VERSION, "bench", "00" * 32, 1, 1000)

    def connected(self, peer: Peer) -> None: ...

    def received(self, peer: Peer, message: Message) -> None: ...

    def lost(self, peer: Peer, reason: str) -> None: ...


async def connections_per_second(seconds: float) -> float:
    """Connections a second, over at least so long; clients and server share one thread."""
    server = DataplaneServer("127.0.0.1:0", _TOKEN, _Open())
    url = await server.start()
    try:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            clients = [group.create_task(_client(url, began + seconds)) for _ in range(AT_ONCE)]
        return sum(client.result() for client in clients) / (time.perf_counter() - began)
    finally:
        await server.stop()


async def _client(url: str, until: float) -> int:
    made = 0
    headers = {"Authorization": f"Bearer {_TOKEN}"}
    while time.perf_counter() < until:
        async with connect(url, additional_headers=headers, compression=None, proxy=None) as connection:
            await connection.send(encode(Hello(VERSION, 0, os.getpid(), "127.0.0.1:1")))
            if not isinstance(decode(await connection.recv(decode=False)), Welcome):
                raise RunError("the controller's server did not welcome a process")
        made += 1
    return made
