"""The WebSocket server that dataplane processes connect to.

It speaks TLS beyond this machine, and on it if that is asked for (`door`). It lets in who has the
experiment's token, reads the first message within a deadline, and hands every message to its handler. One
peer never delays another: each has a task and a bounded send queue of its own.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Protocol, cast

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from nextmini.controller import metrics_page
from nextmini.controller.door import Door
from nextmini.controller.metrics_page import Bearer
from nextmini.controller.peer import Peer, Sent
from nextmini.errors import ControllerError, ProtocolError
from nextmini.protocol import VERSION, Error, Hello, Join, decode, encode

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response

    from nextmini.controller.metrics_page import Access, MetricsPage
    from nextmini.controller.tls import ServerTls
    from nextmini.protocol import Message, Seat, Welcome

log = logging.getLogger(__name__)
# It tells of every connection and its end, which the controller does in its own words.
_websocket_log = logging.getLogger(f"{__name__}.websocket")
_websocket_log.setLevel(logging.WARNING)

PATH = "/dataplane"
MAX_MESSAGE_BYTES = 2**20
HELLO_SECONDS = 10.0
PING_SECONDS = 10.0
CLOSE_SECONDS = 2.0


class Handler(Protocol):
    """What the server tells about its peers; the calls must not block."""

    def welcome(self, hello: Hello) -> Welcome:
        """The answer to a first message. Raises ProtocolError to refuse the peer."""

    def connected(self, peer: Peer) -> None:
        """A peer was welcomed."""

    def received(self, peer: Peer, message: Message) -> None:
        """A peer sent something. Raises ProtocolError if it must not; it is told so and stays connected."""

    def lost(self, peer: Peer, reason: str) -> None:
        """A peer's connection is closed."""


class Seating(Protocol):
    """Knows which process one is that knows its site only."""

    def seat(self, join: Join) -> Seat:
        """Which one it is, kept free for it until `unseat`. Raises ProtocolError if there is none."""

    def unseat(self, seat: Seat) -> None:
        """Whoever was to have it has it, or does not come."""


class DataplaneServer:
    """Listens for dataplane processes."""

    def __init__(
        self,
        listen: str,
        token: str,
        handler: Handler,
        tls: ServerTls | None = None,
        metrics: MetricsPage | None = None,
        seating: Seating | None = None,
        sent: Sent | None = None,
    ) -> None:
        """`listen` is "host:port"; port 0 takes a free one. Without `tls` it is on this machine, without
        `seating` there are no sites. What is sent to processes counts in `sent`.
        """
        self._seating = seating
        self._listen = listen
        self._tls = tls
        self._door = Door(tls)
        self._bearer = Bearer(token)
        self._metrics = metrics
        self._metrics_access: Access = "token"
        self._handler = handler
        self._sent = sent or Sent()
        self._server: Server | None = None

    async def start(self) -> str:
        """Listens; returns the URL on this machine. Raises ControllerError if that is not possible."""
        host, port, loopback = _address(self._listen, encrypted=self._tls is not None)
        self._metrics_access = "open" if loopback else "token"
        try:
            self._server = await serve(
                self._serve,
                host,
                port,
                process_request=self._admit,
                create_connection=cast("type[ServerConnection]", self._door.connection),
                compression=None,
                max_size=MAX_MESSAGE_BYTES,
                open_timeout=HELLO_SECONDS,
                ping_interval=PING_SECONDS,
                ping_timeout=PING_SECONDS,
                close_timeout=CLOSE_SECONDS,
                logger=_websocket_log,
            )
        except OSError as error:
            raise _unavailable(self._listen, error) from error
        host, port = next(iter(self._server.sockets)).getsockname()[:2]
        scheme = "ws" if self._tls is None else "wss"
        return f"{scheme}://{reachable(host)}:{port}{PATH}"

    async def stop(self) -> None:
        """Closes the listener and every connection. Stopping twice does nothing."""
        server, self._server = self._server, None
        if server is not None:
            self._door.close()
            server.close()
            await server.wait_closed()

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path == metrics_page.PATH and self._metrics is not None:
            return await self._metrics.answer(request, self._metrics_access)
        if request.path != PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, f"dataplane processes connect to {PATH}\n")
        if not self._bearer.stands_in(request):
            log.warning("refused a connection from %s: wrong token", connection.remote_address)
            return connection.respond(HTTPStatus.UNAUTHORIZED, "wrong token\n")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        peer = await self._greet(connection)
        if peer is None:
            return
        reason = "the server stopped"
        try:
            reason = await self._read(connection, peer)
        finally:
            peer.gone.set()
            self._handler.lost(peer, reason)

    async def _greet(self, connection: ServerConnection) -> Peer | None:
        """Reads the first message and answers it; None if the peer was refused."""
        try:
            first = await _hear(connection)
            if isinstance(first, Join):
                hello, welcome = await self._place(connection, first)
            else:
                hello = _checked(first, "the first message is hello")
                welcome = self._handler.welcome(hello)
        except TimeoutError:
            await _refuse(connection, f"no hello within {HELLO_SECONDS:.0f} seconds")
            return None
        except ProtocolError as error:
            await _refuse(connection, str(error))
            return None
        except ConnectionClosed as error:
            log.warning("%s left before its hello: %s", connection.remote_address, error)
            return None
        peer = Peer(connection, hello, self._sent)
        # Before anything else: what `connected` sets off may send at once.
        await peer.send(welcome)
        self._handler.connected(peer)
        return peer

    async def _place(self, connection: ServerConnection, join: Join) -> tuple[Hello, Welcome]:
        """Tells a process which one it is, and hears it say so. Raises as `_greet` tells."""
        _check_version(f"a dataplane process for the site {join.site}", join.version)
        if self._seating is None:
            raise ProtocolError("nobody joins here", "say which process it is with --process")
        seat = self._seating.seat(join)
        try:
            await connection.send(encode(seat))
            hello = _checked(await _hear(connection), "what follows a seat is hello")
            if hello.process != seat.process:
                raise ProtocolError(f"it is process {seat.process}, and says that it is {hello.process}")
            return hello, self._handler.welcome(hello)
        finally:
            self._seating.unseat(seat)

    async def _read(self, connection: ServerConnection, peer: Peer) -> str:
        """Hands over messages until the connection closes; returns why it did."""
        try:
            while True:
                data = await connection.recv(decode=False)
                try:
                    self._handler.received(peer, decode(data))
                except ProtocolError as error:
                    log.warning("dataplane process %d: %s", peer.process, error)
                    await peer.send(Error(str(error)))
        except ConnectionClosed as error:
            return f"the connection closed ({error})"


async def _hear(connection: ServerConnection) -> Message:
    async with asyncio.timeout(HELLO_SECONDS):
        return decode(await connection.recv(decode=False))


def _checked(message: Message, rule: str) -> Hello:
    if not isinstance(message, Hello):
        raise ProtocolError(f"{rule}, not {type(message).__name__}")
    _check_version(f"dataplane process {message.process}", message.version)
    return message


def _check_version(who: str, version: int) -> None:
    if version != VERSION:
        raise ProtocolError(
            f"{who} speaks version {version} of the protocol, this controller version {VERSION}",
            "install the same Nextmini on both sides",
        )


async def _refuse(connection: ServerConnection, reason: str) -> None:
    log.warning("refused %s: %s", connection.remote_address, reason)
    try:
        await connection.send(encode(Error(reason)))
        await connection.close(1008, reason[:100])
    except ConnectionClosed:
        log.info("%s had left already", connection.remote_address)


def reachable(host: str) -> str:
    """The host of a URL by which this machine reaches what listens at `host`."""
    address = ip_address(host)
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return host if address.version == 4 else f"[{host}]"


def _address(listen: str, *, encrypted: bool) -> tuple[str, int, bool]:
    """Host and port, and whether that is on this machine alone."""
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        number = int(port)
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        raise ControllerError(
            f"[controller] listen: {listen!r} is no address", 'write "127.0.0.1:0" for any free port'
        ) from None
    if not loopback and not encrypted:
        raise ControllerError(
            f"[controller] listen: {listen} is not on this machine alone, which demands TLS",
            'write tls = true, or listen on "127.0.0.1:0"',
        )
    return host, number, loopback


def _unavailable(listen: str, error: OSError) -> ControllerError:
    if error.errno == errno.EADDRINUSE:
        return ControllerError(
            f"[controller] listen: port {listen} is in use by another program",
            'choose another port, or ":0" for any free one',
        )
    return ControllerError(f"[controller] listen: cannot listen on {listen}: {error.strerror or error}")
