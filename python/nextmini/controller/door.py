"""A connection's first moments: what it speaks is looked at before anybody listens to it.

Who speaks plainly where TLS is demanded, or TLS where there is none, is told so in words that its other end
understands, and the log has one line about it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from typing import TYPE_CHECKING, Any, cast

from websockets.asyncio.server import ServerConnection

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.controller.tls import ServerTls

log = logging.getLogger(__name__)

OPEN_SECONDS = 10.0
"""Who has not said its first byte, or not ended its TLS handshake, by then is sent away."""
_CLOSE_SECONDS = 2.0
_TLS_HANDSHAKE = b"\x16"  # RFC 8446, section 5.1


def _answer(status: str, text: str, *headers: str) -> bytes:
    body = f"{text}\n"
    length = f"Content-Length: {len(body)}"
    return "\r\n".join(
        (f"HTTP/1.1 {status}", *headers, "Content-Type: text/plain", length, "", body)
    ).encode()


# RFC 2817, section 4.2.
_DEMANDED = _answer(
    "426 Upgrade Required",
    "this port demands TLS: write wss://",
    *("Upgrade: TLS/1.3", "Connection: Upgrade, close"),
)
_NOT_SPOKEN = _answer("400 Bad Request", "this port does not speak TLS: write ws://", "Connection: close")


class Door:
    """Where connections of a server come in; `tls` is None where nothing is encrypted."""

    def __init__(self, tls: ServerTls | None) -> None:
        self._tls = tls
        self._entering: dict[asyncio.Task[None], asyncio.Transport] = {}
        self._closed = False

    def connection(self, *arguments: Any, **options: Any) -> ServerConnection:
        """A connection for a server, which begins when what it speaks is what is to be spoken."""
        return _Entering(self, *arguments, **options)

    def close(self) -> None:
        """Sends away who has not come in yet, and whoever comes."""
        self._closed = True
        for task, transport in self._entering.items():
            task.cancel()
            transport.abort()

    def enter(self, connection: _Entering, transport: asyncio.Transport) -> None:
        """Looks at a fresh connection, and begins it."""
        if self._closed:
            transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._enter(connection, transport))
        self._entering[task] = transport
        task.add_done_callback(lambda done: self._entering.pop(done, None))

    async def _enter(self, connection: _Entering, transport: asyncio.Transport) -> None:
        peer = transport.get_extra_info("peername")
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                carrier = await self._agree(connection, transport)
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            log.warning("refused a connection from %s: %s", peer, _reason(error))
            transport.abort()
            return
        if carrier is not None:
            connection.begin(carrier)

    async def _agree(
        self, connection: _Entering, transport: asyncio.Transport
    ) -> asyncio.BaseTransport | None:
        """What carries the connection from now on; None if it was ended."""
        secure = await _first_byte(transport) == _TLS_HANDSHAKE
        if self._tls is None and not secure:
            transport.resume_reading()
            return transport
        if self._tls is None or not secure:
            reason = "it speaks TLS to a port without" if secure else "it does not speak TLS"
            log.warning("refused a connection from %s: %s", transport.get_extra_info("peername"), reason)
            _dismiss(transport, _NOT_SPOKEN if secure else _DEMANDED)
            return None
        return await asyncio.get_running_loop().start_tls(
            transport,
            connection,
            self._tls.context,
            server_side=True,
            ssl_handshake_timeout=OPEN_SECONDS,
            ssl_shutdown_timeout=_CLOSE_SECONDS,
        )


class _Entering(ServerConnection):
    """A connection that the server does not know of before `begin`."""

    def __init__(self, door: Door, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._door = door
        self._begun = self._gone = False
        self._early = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not at once: in Python 3.11.2 a transport begins to read after this call, whatever it is told in it.
        asyncio.get_running_loop().call_soon(self._look, cast("asyncio.Transport", transport))

    def _look(self, transport: asyncio.Transport) -> None:
        if not self._gone:
            transport.pause_reading()
            self._door.enter(self, transport)

    def begin(self, transport: asyncio.BaseTransport) -> None:
        """Goes on as any connection of a WebSocket server."""
        if self._gone:
            return
        self._begun = True
        super().connection_made(transport)
        if self._early:
            super().data_received(bytes(self._early))

    def data_received(self, data: bytes) -> None:
        # With the last bytes of a TLS handshake may come the first ones of what follows.
        if self._begun:
            super().data_received(data)
        else:
            self._early += data

    def eof_received(self) -> None:
        if self._begun:
            super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        if self._begun:
            super().connection_lost(exc)


async def _first_byte(transport: asyncio.Transport) -> bytes:
    """The first byte that has come, which stays where it is. Raises OSError if none does."""
    loop = asyncio.get_running_loop()
    # A descriptor of our own: the event loop has its own plans for the transport's.
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as peeking:
        peeking.setblocking(False)
        readable = asyncio.Event()
        loop.add_reader(peeking, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(peeking)
        first = peeking.recv(1, socket.MSG_PEEK)
    if not first:
        raise ConnectionResetError("it left without a word")
    return first


def _dismiss(transport: asyncio.Transport, answer: bytes) -> None:
    """Gives an answer and ends.

    What has come is read first: a socket that is closed with unread bytes is reset, and its answer lost.
    """
    transport.set_protocol(_Deaf(transport.close))
    transport.resume_reading()
    transport.write(answer)
    transport.write_eof()


class _Deaf(asyncio.Protocol):
    """Throws away what comes until the other end has nothing more to say, or for a while."""

    def __init__(self, close: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(_CLOSE_SECONDS, close)

    def data_received(self, data: bytes) -> None:
        pass

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        said = (error.reason or str(error)).lower().replace("_", " ")
        return f"no agreement on TLS ({said})"
    if isinstance(error, TimeoutError):
        return f"it said too little for {OPEN_SECONDS:.0f} seconds"
    return str(error) or "it left while TLS began"
