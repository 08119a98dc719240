"""The web server that `nextmini bench socks5` downloads from, and the bare chain in front of it."""

from __future__ import annotations

import asyncio

import pytest

from nextmini.bench.bare_relays import bare_relays
from nextmini.bench.curl import Way, first_byte, throughput
from nextmini.bench.web_server import FIRST, web_server
from nextmini.errors import RunError

pytestmark = pytest.mark.asyncio

PIECE = 1 << 20
"""The file is made of these, which are all the same."""


async def answer(port: int, path: str) -> bytes:
    """What follows the header, up to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /{path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    text = await reader.read()
    writer.close()
    return text.partition(b"\r\n\r\n")[2]


async def test_every_byte_comes_through_a_bare_chain_as_it_was_sent() -> None:
    async with web_server() as server, bare_relays(3, server.port) as chain:
        assert await answer(chain.port, FIRST) == b"!"
        got = await answer(chain.port, "0.05")
        assert [len(got)] == await server.sent(1)
    assert len(got) > PIECE
    assert got[PIECE:] == got[:-PIECE]


async def test_curl_measures_downloads_at_once_and_first_bytes() -> None:
    async with web_server() as server:
        way = Way("127.0.0.1", server.port)
        gbps, gigabytes = await throughput(way, server, 2, 0.1)
        assert gbps > 0
        assert gigabytes > 0
        assert 0 < await first_byte(way) < 1_000


async def test_a_client_that_leaves_early_is_no_measurement() -> None:
    async with web_server() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /60 HTTP/1.1\r\n\r\n")
        await reader.readexactly(1)
        writer.close()
        with pytest.raises(RunError, match="web server failed: a client did not stay to the end"):
            await server.sent(1)


async def test_nobody_listens_where_a_program_has_ended() -> None:
    async with web_server() as server:
        server.process.kill()
        with pytest.raises(RunError, match="web server failed: it ended"):
            await server.sent(1)
        with pytest.raises(RunError, match="curl failed"):
            await first_byte(Way("127.0.0.1", server.port))
