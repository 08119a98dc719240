"""The server at the door: who gets in, who is told to go, and that nobody else notices."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from nextmini.controller import server as module
from nextmini.controller.server import DataplaneServer
from nextmini.errors import ControllerError, ProtocolError
from nextmini.protocol import (
    VERSION,
    Applied,
    Bye,
    Error,
    Hello,
    Join,
    Message,
    Seat,
    Stop,
    Welcome,
    decode,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

    from nextmini.controller.peer import Peer

pytestmark = pytest.mark.asyncio

WELCOME = Welcome(VERSION, "lab", "00" * 32, 7, 1000)
HELLO = Hello(VERSION, 0, 99, "127.0.0.1:5")


class Recorder:
    """A handler that welcomes everybody but process 13, and takes anything but `stop`."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.messages: list[Message] = []
        self.losses: asyncio.Queue[str] = asyncio.Queue()

    def welcome(self, hello: Hello) -> Welcome:
        if hello.process == 13:
            raise ProtocolError("there is no process 13")
        return WELCOME

    def connected(self, peer: Peer) -> None:
        self.peers.append(peer)

    def received(self, peer: Peer, message: Message) -> None:
        if isinstance(message, Stop):
            raise ProtocolError("stop is not for the controller")
        self.messages.append(message)

    def lost(self, peer: Peer, reason: str) -> None:
        self.losses.put_nowait(reason)


@asynccontextmanager
async def serving(
    listen: str = "127.0.0.1:0", seating: OneSeat | None = None
) -> AsyncIterator[tuple[str, Recorder]]:
    handler = Recorder()
    server = DataplaneServer(listen, "secret", handler, seating=seating)
    url = await server.start()
    try:
        yield url, handler
    finally:
        await server.stop()


def client(url: str, token: str | None = "secret") -> connect:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return connect(url, additional_headers=headers, compression=None)


async def receive(connection: ClientConnection) -> Message:
    return decode(await connection.recv(decode=False))


async def closing_error(connection: ClientConnection) -> str:
    """What the server says before it closes the connection."""
    message = await receive(connection)
    assert isinstance(message, Error)
    with pytest.raises(ConnectionClosed):
        await connection.recv()
    return message.reason


@pytest.mark.parametrize("token", [None, "", "wrong", "secret2", "secre", "sécret"])
async def test_a_wrong_token_is_refused(token: str | None) -> None:
    async with serving() as (url, handler):
        with pytest.raises(InvalidStatus) as caught:
            async with client(url, token):
                pass
        assert caught.value.response.status_code == 401
        assert handler.peers == []


async def test_another_path_is_not_found() -> None:
    async with serving() as (url, _):
        with pytest.raises(InvalidStatus) as caught:
            async with client(url.replace("/dataplane", "/elsewhere")):
                pass
        assert caught.value.response.status_code == 404


async def test_a_process_is_welcomed_and_heard() -> None:
    async with serving() as (url, handler), client(url) as connection:
        await connection.send(encode(HELLO))
        assert await receive(connection) == WELCOME
        await handler.peers[0].send(Stop())
        assert await receive(connection) == Stop()
        await connection.send(encode(Applied(4)))
        await connection.send(encode(Bye()))
        await connection.close()
        await handler.losses.get()
        assert handler.messages == [Applied(4), Bye()]
        assert handler.peers[0].gone.is_set()
        # To a peer that is gone, nothing is sent, and nobody stumbles over that.
        await handler.peers[0].send(Stop())


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (encode(Bye()), "the first message is hello, not Bye"),
        (
            encode(Hello(1, 0, 1, "x:1")),
            "dataplane process 0 speaks version 1 of the protocol, this controller",
        ),
        (encode(Hello(VERSION, 13, 1, "x:1")), "there is no process 13"),
        (b"\xc1", "not a MessagePack document"),
        (b"\x81\xa4type\xa5hullo", "unknown message type 'hullo'"),
    ],
)
async def test_a_bad_first_message_ends_the_connection_with_the_reason(first: bytes, reason: str) -> None:
    async with serving() as (url, handler), client(url) as connection:
        await connection.send(first)
        assert (await closing_error(connection)).startswith(reason)
        assert (handler.peers, handler.losses.empty()) == ([], True)


class OneSeat:
    """Makes everybody process 5, and knows whose place is kept."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def seat(self, join: Join) -> Seat:
        if join.site == "moon":
            raise ProtocolError("there is no site moon")
        self.kept.append(join.site)
        return Seat(5, "0.0.0.0", (7000, 7010))

    def unseat(self, seat: Seat) -> None:
        assert seat.process == 5
        self.kept.clear()


async def test_who_knows_its_site_is_told_which_one_it_is() -> None:
    seating = OneSeat()
    async with serving(seating=seating) as (url, handler), client(url) as connection:
        await connection.send(encode(Join(VERSION, "home")))
        assert await receive(connection) == Seat(5, "0.0.0.0", (7000, 7010))
        assert seating.kept == ["home"]
        await connection.send(encode(replace(HELLO, process=5, public="192.0.2.7")))
        assert await receive(connection) == WELCOME
        assert seating.kept == []
        assert [(peer.process, peer.public) for peer in handler.peers] == [(5, "192.0.2.7")]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([Join(1, "home")], "a dataplane process for the site home speaks version 1 of the protocol"),
        ([Join(VERSION, "moon")], "there is no site moon"),
        ([Join(VERSION, "home"), HELLO], "it is process 5, and says that it is 0"),
        ([Join(VERSION, "home"), Bye()], "what follows a seat is hello, not Bye"),
    ],
)
async def test_who_joins_wrongly_is_sent_away_and_keeps_no_place(
    messages: list[Message], reason: str
) -> None:
    seating = OneSeat()
    async with serving(seating=seating) as (url, handler), client(url) as connection:
        for message in messages:
            await connection.send(encode(message))
        if len(messages) > 1:
            assert isinstance(await receive(connection), Seat)
        assert (await closing_error(connection)).startswith(reason)
        assert (handler.peers, seating.kept) == ([], [])


async def test_without_sites_nobody_joins() -> None:
    async with serving() as (url, _), client(url) as connection:
        await connection.send(encode(Join(VERSION, "home")))
        assert (await closing_error(connection)).startswith("nobody joins here")


async def test_who_says_nothing_is_sent_away_and_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELLO_SECONDS", 0.2)
    async with serving() as (url, _), client(url) as silent, client(url) as other:
        await other.send(encode(HELLO))
        assert await receive(other) == WELCOME
        assert await closing_error(silent) == "no hello within 0 seconds"


async def test_a_bad_message_is_answered_and_the_connection_goes_on() -> None:
    async with serving() as (url, handler), client(url) as connection:
        await connection.send(encode(HELLO))
        await receive(connection)
        for bad, reason in (
            (b"\x81\xa4type\xa5hullo", "unknown message type 'hullo'"),
            (encode(Stop()), "stop is not for the controller"),
        ):
            await connection.send(bad)
            assert await receive(connection) == Error(reason)
        await connection.send(encode(Applied(4)))
        await connection.close()
        await handler.losses.get()
        assert handler.messages == [Applied(4)]


async def test_a_message_that_is_too_large_ends_the_connection() -> None:
    async with serving() as (url, handler), client(url) as connection:
        await connection.send(encode(HELLO))
        await receive(connection)
        await connection.send(bytes(2**20 + 1))
        assert "1009" in await handler.losses.get()


async def test_stopping_closes_connections_and_the_port() -> None:
    async with serving() as (url, handler), client(url) as connection:
        await connection.send(encode(HELLO))
        await receive(connection)
        closed = url
    await handler.losses.get()
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        async with client(closed):
            pass


async def test_a_port_in_use_is_named_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ControllerError) as caught:
            async with serving(f"127.0.0.1:{port}"):
                pass
    assert str(caught.value) == (
        f"[controller] listen: port 127.0.0.1:{port} is in use by another program; "
        'choose another port, or ":0" for any free one'
    )


@pytest.mark.parametrize(
    ("listen", "complaint"),
    [
        ("0.0.0.0:0", "is not on this machine alone, which demands TLS"),
        ("nonsense", "'nonsense' is no address"),
        ("127.0.0.1:port", "'127.0.0.1:port' is no address"),
    ],
)
async def test_addresses_that_are_refused(listen: str, complaint: str) -> None:
    with pytest.raises(ControllerError) as caught:
        async with serving(listen):
            pass
    assert complaint in str(caught.value)


@pytest.mark.parametrize("listen", ["localhost:0", "[::1]:0"])
async def test_other_ways_to_write_this_machine(listen: str) -> None:
    async with serving(listen) as (url, _), client(url) as connection:
        await connection.send(encode(HELLO))
        assert await receive(connection) == WELCOME
