"""One connected dataplane process, as the controller sees it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed

from nextmini.protocol import Error, encode

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from nextmini.protocol import Hello, Message


@dataclass(slots=True)
class Sent:
    """What a controller has sent to processes."""

    messages: int = 0
    bytes: int = 0


class Peer:
    """A handle to the process at the other end of a connection."""

    def __init__(self, connection: ServerConnection, hello: Hello, sent: Sent) -> None:
        """What is sent counts in `sent`."""
        self.process = hello.process
        self.pid = hello.pid
        self.listen = hello.listen
        self.public = hello.public
        """The address at which other sites reach it, if it says one itself."""
        self.identity = (hello.pid, hello.instance)
        """Another process has another one."""
        self.gone = asyncio.Event()
        """Set when the process has said goodbye or the connection is closed."""
        self.said_bye = False
        self._connection = connection
        self._sent = sent

    async def send(self, message: Message) -> None:
        """Sends, waiting while the process does not read; to a closed connection it sends nothing.

        That it is closed is told to the server's handler, so the caller need not look.
        """
        data = encode(message)
        try:
            await self._connection.send(data)
            self._sent.messages += 1
            self._sent.bytes += len(data)
        except ConnectionClosed:
            self.gone.set()

    async def refuse(self, reason: str) -> None:
        """Says what is wrong and closes the connection."""
        await self.send(Error(reason))
        await self._connection.close(1008, reason[:100])
