"""One connected dataplane process, as the controller sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed

from nextmini.protocol import Error, encode

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from nextmini.protocol import Hello, Message


class Peer:
    """A handle to the process at the other end of a connection."""

    def __init__(self, connection: ServerConnection, hello: Hello) -> None:
        self.process = hello.process
        self.pid = hello.pid
        self.listen = hello.listen
        self.forests = hello.forests
        self.gone = asyncio.Event()
        """Set when the process has said goodbye or the connection is closed."""
        self.said_bye = False
        self._connection = connection

    async def send(self, message: Message) -> None:
        """Sends, waiting while the process does not read; to a closed connection it sends nothing.

        That it is closed is told to the server's handler, so the caller need not look.
        """
        try:
            await self._connection.send(encode(message))
        except ConnectionClosed:
            self.gone.set()

    async def refuse(self, reason: str) -> None:
        """Says what is wrong and closes the connection."""
        await self.send(Error(reason))
        await self._connection.close(1008, reason[:100])
