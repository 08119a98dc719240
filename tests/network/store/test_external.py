"""Servers that are not ours: what is said when they refuse."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import asyncpg
import pytest

from nextmini.errors import DatabaseError
from nextmini.store.cluster import socket_folder
from nextmini.store.connection import connect
from nextmini.store.sharing import SharedServer
from nextmini.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.asyncio


async def refusal(dsn: str) -> str:
    with pytest.raises(DatabaseError) as refused:
        await Store.open(dsn, "lab")
    assert "secret" not in str(refused.value)
    return str(refused.value)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_wrong_password(state: Path) -> None:
    hba = state / "postgres/data/pg_hba.conf"
    trusting = hba.read_text()
    hba.write_text("local all careful scram-sha-256\n" + trusting)
    try:
        with closing(SharedServer(state)) as share:
            dsn = share.enter()
            connection = await asyncpg.connect(dsn)
            await connection.execute("DROP ROLE IF EXISTS careful")
            await connection.execute("CREATE ROLE careful SUPERUSER LOGIN PASSWORD 'right'")
            await connection.close()
            theirs = dsn.replace("nextmini@", "careful:{}@")
            assert "refuses this user: password authentication failed" in await refusal(
                theirs.format("secret")
            )
            await (await Store.open(theirs.format("right"), "lab")).close()
            share.leave()
    finally:
        hba.write_text(trusting)


async def test_missing_database(dsn: str) -> None:
    said = await refusal(dsn.replace("/postgres?", "/nosuch?"))
    assert 'database "nosuch" does not exist' in said
    assert "createdb" in said


async def test_nobody_listens(free_port: int) -> None:
    said = await refusal(f"postgresql://me:secret@127.0.0.1:{free_port}/lab")
    assert f"postgresql://me@127.0.0.1:{free_port}/lab cannot be reached" in said


async def test_socket_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be reached" in await refusal(f"postgresql://me@/lab?host={tmp_path}")


async def test_machine_that_does_not_exist() -> None:
    assert "cannot be reached" in await refusal("postgresql://me:secret@host.invalid/lab")


async def test_something_else_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextmini.store.connection._MOST_RESETS", 2)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert f"127.0.0.1:{port}/lab" in await refusal(
            f"postgresql://me:secret@127.0.0.1:{port}/lab?sslmode=disable"
        )


async def test_somebody_who_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextmini.store.connection._CONNECT_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        assert "cannot be reached" in await refusal(f"postgresql://me:secret@127.0.0.1:{port}/lab")


@pytest.mark.parametrize(
    "dsn", ["", "secret", "mysql://me:secret@localhost/lab", "postgresql://me:secret@localhost:port/lab"]
)
async def test_what_is_no_address(dsn: str) -> None:
    assert "no URL of a PostgreSQL database" in await refusal(dsn)


async def test_server_that_is_starting_is_waited_for(state: Path) -> None:
    """A crash of one backend makes the server start over, and refuse everyone for a moment."""
    with closing(SharedServer(state)) as share:
        dsn = share.enter()
        victim, bystander = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
        closed = asyncio.Event()
        bystander.add_termination_listener(lambda _: closed.set())
        os.kill(await victim.fetchval("SELECT pg_backend_pid()"), signal.SIGKILL)
        await closed.wait()  # the server has noticed, and ends all sessions
        connection = await connect(dsn)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        victim.terminate()
        share.leave()


async def test_users_variables_do_not_lead_elsewhere(
    server: Path, monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    monkeypatch.setenv("PGHOST", "host.invalid")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGUSER", "nobody")
    monkeypatch.setenv("PGDATABASE", "nosuch")
    connection = await connect(dsn)
    where = await connection.fetchval("SHOW unix_socket_directories")
    await connection.close()
    assert where == str(socket_folder(server / "postgres"))
