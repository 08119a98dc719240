"""The server with TLS: who has the right fingerprint, who has another, and who speaks otherwise."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from authority import Authority

from nextmini.controller import door
from nextmini.controller.certificate import make
from nextmini.controller.metric_families import ControllerCounts, Snapshot
from nextmini.controller.metrics_page import MetricsPage, metrics_url
from nextmini.controller.server import DataplaneServer
from nextmini.controller.tls import ServerTls, load
from nextmini.hosts.local import PROGRAM
from nextmini.protocol import VERSION, Stop, Welcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from nextmini.controller.peer import Peer
    from nextmini.protocol import Hello, Message

pytestmark = pytest.mark.asyncio

TOKEN = "a token that nobody may see"
KEY = "5a" * 32
NOTHING = Snapshot("lab", "lab-1", {}, {}, (), {}, {}, {}, {}, {}, ControllerCounts(*[0] * 9))
ADDRESSES = ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"]


class Dismisser:
    """A handler that welcomes everybody and sends them home at once."""

    def __init__(self) -> None:
        self.welcomed = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def welcome(self, hello: Hello) -> Welcome:
        self.welcomed += 1
        return Welcome(VERSION, "lab", KEY, 7, 1000)

    def connected(self, peer: Peer) -> None:
        self._tasks.add(asyncio.create_task(peer.send(Stop())))

    def received(self, peer: Peer, message: Message) -> None:
        pass

    def lost(self, peer: Peer, reason: str) -> None:
        pass


@dataclass(frozen=True)
class Serving:
    url: str
    handler: Dismisser
    token_file: Path
    tls: ServerTls | None

    @property
    def fingerprint(self) -> str:
        assert self.tls is not None
        return self.tls.fingerprint

    @property
    def plain(self) -> str:
        return self.url.replace("wss://", "ws://")

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2].partition("/")[0])

    async def dataplane(self, url: str, *options: str) -> tuple[int | None, str]:
        """Exit code and standard error of a process that connects to `url`."""
        process = await asyncio.create_subprocess_exec(
            *(
                *PROGRAM,
                "--controller",
                url,
                "--token-file",
                str(self.token_file),
                "--process",
                "0",
                *options,
            ),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        assert TOKEN.encode() not in said
        return process.returncode, said.decode()


@asynccontextmanager
async def serving(
    folder: Path, listen: str = "127.0.0.1:0", *, tls: ServerTls | None = None, secure: bool = True
) -> AsyncIterator[Serving]:
    token_file = folder / "token"
    token_file.write_text(TOKEN)
    if secure and tls is None:
        tls = load(make(folder))
    handler = Dismisser()
    page = MetricsPage(lambda: NOTHING, "another token")
    server = DataplaneServer(listen, TOKEN, handler, tls, page)
    url = await server.start()
    try:
        yield Serving(url, handler, token_file, tls)
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("listen", "token", "status"),
    [
        ("0.0.0.0:0", None, 401),
        ("0.0.0.0:0", TOKEN, 401),
        ("0.0.0.0:0", "another token", 200),
        ("127.0.0.1:0", None, 200),
    ],
)
async def test_beyond_this_machine_metrics_demand_a_token_of_their_own(
    tmp_path: Path, listen: str, token: str | None, status: int
) -> None:
    async with serving(tmp_path, listen) as there:
        url = metrics_url(there.url)
        assert url.startswith("https://127.0.0.1:")
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        trust = ssl.create_default_context(cafile=tmp_path / "tls-cert.pem")
        trust.check_hostname = False
        asked = urllib.request.Request(url, headers=headers)
        assert await asyncio.to_thread(fetched, asked, trust) == status


def fetched(asked: urllib.request.Request, trust: ssl.SSLContext) -> int:
    try:
        with urllib.request.urlopen(asked, context=trust) as answer:
            assert b"nextmini_nodes" in answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            assert b"nextmini_nodes" not in error.read()
            return error.code


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert all(record.exc_info is None for record in caplog.records)
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("listen", ADDRESSES)
async def test_a_process_with_the_fingerprint_comes_in(tmp_path: Path, listen: str) -> None:
    async with serving(tmp_path, listen) as there:
        assert there.url.startswith("wss://")
        assert await there.dataplane(there.url, "--tls-fingerprint", there.fingerprint) == (0, "")
        assert there.handler.welcomed == 1


async def test_it_comes_in_where_transports_read_although_they_are_told_not_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add_reader(transport: Any, descriptor: int, callback: Any, *arguments: Any) -> None:
        """As in Python 3.11.2, which looks whether it is paused in `connection_made` nowhere."""
        if not transport._closing:
            transport._loop._add_reader(descriptor, callback, *arguments)

    monkeypatch.setattr("asyncio.selector_events._SelectorTransport._add_reader", add_reader)
    async with serving(tmp_path) as served:
        code, said = await served.dataplane(served.url, "--tls-fingerprint", served.fingerprint)
    assert (code, served.handler.welcomed) == (0, 1), said


async def test_a_process_with_another_fingerprint_ends_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as there:
        code, said = await there.dataplane(there.url, "--tls-fingerprint", "00" * 32)
        assert (code, there.handler.welcomed) == (1, 0)
        assert said.startswith("error: dataplane process 0: the controller's certificate does not have the")
    (told,) = warnings(caplog)
    assert told.startswith("refused a connection from ('127.0.0.1', ")
    assert "no agreement on TLS (" in told


async def test_a_plain_process_is_told_to_speak_tls(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(tmp_path) as there:
        code, said = await there.dataplane(there.plain)
        assert (code, there.handler.welcomed) == (1, 0)
        assert "the controller demands TLS at this port; write wss://, and give its fingerprint" in said
    (told,) = warnings(caplog)
    assert told.endswith("it does not speak TLS")


async def test_a_process_that_speaks_tls_to_a_plain_port_is_told_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path, secure=False) as there:
        url = there.url.replace("ws://", "wss://")
        code, said = await there.dataplane(url, "--tls-fingerprint", "00" * 32)
        assert (code, there.handler.welcomed) == (1, 0)
        assert "the controller does not speak TLS at this port; write ws://" in said
        assert await there.dataplane(there.url) == (0, "")
    (told,) = warnings(caplog)
    assert told.endswith("it speaks TLS to a port without")


async def test_options_that_make_no_sense_are_named(tmp_path: Path) -> None:
    async with serving(tmp_path) as there:
        pin = ("--tls-fingerprint", there.fingerprint)
        for url, options, told in (
            (there.url, (), "cannot be trusted unseen; give the fingerprint"),
            (there.plain, pin, "no certificate that could be checked; write wss://"),
            (there.url, ("--tls-fingerprint", "12:34"), '"12:34" is no SHA-256 fingerprint'),
            (there.url, ("--tls-ca", "/dev/null"), "authorities /dev/null cannot be read (there is no"),
            (there.url, (*pin, "--tls-ca", "/dev/null"), "give one of them"),
        ):
            code, said = await there.dataplane(url, *options)
            assert (code, told in said) == (1, True), said
        assert there.handler.welcomed == 0


async def test_noise_and_silence_disturb_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(7)
    async with serving(tmp_path) as there:
        silent = await asyncio.open_connection("127.0.0.1", there.port)
        for attempt in range(200):
            _, writer = await asyncio.open_connection("127.0.0.1", there.port)
            # Half of it behind what a TLS handshake begins with.
            writer.write(
                (b"\x16\x03\x01" if attempt % 2 else b"") + chance.randbytes(chance.randrange(1, 3_000))
            )
            writer.close()
        assert await there.dataplane(there.url, "--tls-fingerprint", there.fingerprint) == (0, "")
        assert there.handler.welcomed == 1
    # Stopping does not wait for who says nothing.
    assert await silent[0].read() == b""
    silent[1].close()
    assert all(told.startswith("refused a connection from ") for told in warnings(caplog))


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
@pytest.mark.parametrize("said", [b"", b"\x16"], ids=["nothing", "a byte"])
async def test_who_does_not_go_on_is_sent_away(
    secure: bool,
    said: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(door, "OPEN_SECONDS", 0.2)
    async with serving(tmp_path, secure=secure) as there:
        reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
        writer.write(said)
        answer = await reader.read()
        writer.close()
    (told,) = warnings(caplog)
    told_so = said and not secure
    assert told.endswith("it speaks TLS to a port without" if told_so else "it said too little for 0 seconds")
    assert answer[:13] == (b"HTTP/1.1 400 " if told_so else b"")


async def test_older_versions_of_tls_are_not_spoken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(tmp_path) as there:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", there.port, ssl=context)
    (told,) = warnings(caplog)
    assert "no agreement on TLS (" in told


async def test_an_authority_vouches_for_a_certificate(tmp_path: Path) -> None:
    authority = Authority("lab")
    async with serving(tmp_path, tls=authority.signed(tmp_path)) as there:
        assert await there.dataplane(there.url, "--tls-ca", authority.file(tmp_path)) == (0, "")
        assert await there.dataplane(there.url, "--tls-fingerprint", there.fingerprint) == (0, "")
        assert there.handler.welcomed == 2


@pytest.mark.parametrize(
    ("issuer", "change", "told"),
    [
        ("lab", {"address": "192.0.2.1"}, "not valid for name"),
        ("lab", {"days": (-10, -1)}, "expired"),
        ("lab", {"days": (1, 10)}, "not valid yet"),
        ("another", {}, "UnknownIssuer"),
    ],
    ids=["another address", "expired", "too early", "another authority"],
)
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    issuer: str, change: dict[str, Any], told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authorities = {name: Authority(name) for name in ("lab", "another")}
    signed, authority = authorities[issuer].signed(tmp_path, **change), authorities["lab"]
    async with serving(tmp_path, tls=signed) as there:
        code, said = await there.dataplane(there.url, "--tls-ca", authority.file(tmp_path))
        assert (code, there.handler.welcomed) == (1, 0)
        assert "the controller's certificate is refused (" in said
        assert told in said, said
    (line,) = warnings(caplog)
    assert "no agreement on TLS (" in line
