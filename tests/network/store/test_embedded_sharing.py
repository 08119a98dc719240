"""Who starts the server, who shares it, who stops it."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from typing import TYPE_CHECKING

import asyncpg
import pytest

from nextmini.deaths import MOST
from nextmini.store.embedded import embedded_server
from nextmini.store.guard import Guard
from nextmini.store.leftovers import processes_in
from nextmini.store.sharing import SharedServer, stop_unused_server

from .conftest import assert_nothing_runs, kill, postmaster

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nextmini.errors import NextminiError

    from .holder import Holder


async def ask(dsn: str, question: str = "SELECT 1") -> object:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def test_three_first_runs_at_once_share_one_server(new_state: Path, hold: Callable[..., Holder]) -> None:
    holders = [hold(new_state), hold(new_state), hold(new_state)]
    assert len({holder.dsn() for holder in holders}) == 1
    server = postmaster(new_state)
    for holder in holders:
        assert postmaster(new_state) == server
        holder.leave()
    assert_nothing_runs(new_state)


@pytest.mark.asyncio
async def test_shares_of_one_process_count_each(state: Path) -> None:
    async with embedded_server(state) as one:
        async with embedded_server(state) as two:
            assert one == two
        assert await ask(one) == 1
    assert_nothing_runs(state)


@pytest.mark.asyncio
async def test_many_come_and_go_at_once(state: Path) -> None:
    async def come_and_go() -> object:
        async with embedded_server(state) as dsn:
            return await ask(dsn)

    assert await asyncio.gather(*(come_and_go() for _ in range(12))) == [1] * 12
    assert_nothing_runs(state)


@pytest.mark.asyncio
async def test_data_outlives_the_server(state: Path) -> None:
    async with embedded_server(state) as dsn:
        await ask(dsn, "CREATE TABLE kept_1 AS SELECT 42 AS answer")
    async with embedded_server(state) as dsn:
        assert await ask(dsn, "SELECT answer FROM kept_1") == 42


@pytest.mark.asyncio
async def test_server_outlives_the_run_that_started_it(state: Path, hold: Callable[..., Holder]) -> None:
    starter, other = hold(state), None
    starter.dsn()
    other = hold(state)
    dsn = other.dsn()
    starter.interrupt()  # Ctrl-C reaches the starter's whole process group
    assert await ask(dsn) == 1
    other.interrupt()
    assert_nothing_runs(state)


@pytest.mark.asyncio
async def test_server_left_by_a_killed_run_is_replaced(state: Path, hold: Callable[..., Holder]) -> None:
    killed = hold(state)
    killed.dsn()
    left = postmaster(state)
    killed.kill()
    assert left in processes_in(state / "postgres")
    async with embedded_server(state) as dsn:
        assert postmaster(state) != left
        assert await ask(dsn) == 1


@pytest.mark.asyncio
async def test_killed_run_does_not_keep_the_server(state: Path, hold: Callable[..., Holder]) -> None:
    killed, other = hold(state), hold(state)
    killed.dsn()
    other.dsn()
    killed.kill()
    other.leave()
    assert_nothing_runs(state)


@pytest.mark.asyncio
async def test_killed_server_is_recovered(state: Path) -> None:
    with closing(SharedServer(state)) as share:
        dsn = share.enter()
        await ask(dsn, "CREATE TABLE kept_2 AS SELECT 42 AS answer")
        kill(postmaster(state))
        async with embedded_server(state) as again:  # although the first share is still held
            assert again == dsn
            assert await ask(dsn, "SELECT answer FROM kept_2") == 42
        share.leave()


@pytest.mark.asyncio
async def test_server_and_run_killed_together_are_recovered(state: Path, hold: Callable[..., Holder]) -> None:
    killed = hold(state)
    dsn = killed.dsn()
    await ask(dsn, "CREATE TABLE kept_3 AS SELECT 42 AS answer")
    kill(postmaster(state))
    killed.kill()
    async with embedded_server(state) as dsn:
        assert await ask(dsn, "SELECT answer FROM kept_3") == 42


@pytest.mark.asyncio
async def test_number_of_another_process_in_the_stale_files_does_not_count(state: Path) -> None:
    """After a reboot, the number that a killed server left may be anybody's: here, ours."""
    stale = f"{os.getpid()}\n{state}/postgres/data\n1\n5432\n{state}/postgres/socket\n\n1 1\nready\n"
    (state / "postgres/data/postmaster.pid").write_text(stale)
    (state / "postgres/socket").mkdir()
    (state / "postgres/socket/.s.PGSQL.5432.lock").write_text(stale)
    (state / "postgres/socket/.s.PGSQL.5432").write_text("")
    async with embedded_server(state) as dsn:
        assert await ask(dsn) == 1


def test_unused_server_can_be_stopped(state: Path, hold: Callable[..., Holder]) -> None:
    assert not stop_unused_server(state)
    holder = hold(state)
    holder.dsn()
    assert not stop_unused_server(state)
    holder.kill()
    assert stop_unused_server(state)
    assert_nothing_runs(state)


def test_where_no_server_was_none_is_stopped(tmp_path: Path) -> None:
    assert not stop_unused_server(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.asyncio
async def test_leaving_twice_does_nothing(state: Path) -> None:
    with closing(SharedServer(state)) as share, closing(SharedServer(state)) as other:
        dsn = share.enter()
        other.enter()
        share.leave()
        share.leave()
        assert await ask(dsn) == 1
        other.leave()


class Told(Guard):
    """Hands on what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def restarted(self) -> None:
        super().restarted()
        self._news.set()

    def gone(self, failure: NextminiError) -> None:
        super().gone(failure)
        self._news.set()

    async def news(self) -> None:
        """Waits for a restart, or for the end."""
        await self._news.wait()
        self._news.clear()


@pytest.mark.asyncio
async def test_killed_server_is_started_again_by_one_of_its_users(state: Path) -> None:
    guards = Told(), Told()
    async with embedded_server(state, guard=guards[0]) as dsn, embedded_server(state, guard=guards[1]):
        await ask(dsn, "CREATE TABLE kept_4 AS SELECT 42 AS answer")
        for times in (1, 2):
            kill(postmaster(state))
            for guard in guards:
                await guard.news()
                assert guard.restarts == times
            assert postmaster(state) in processes_in(state / "postgres")
        assert await ask(dsn, "SELECT answer FROM kept_4") == 42
    assert_nothing_runs(state)


@pytest.mark.asyncio
async def test_server_that_dies_over_and_over_is_given_up(state: Path) -> None:
    guard = Told()
    async with embedded_server(state, guard=guard):
        for _ in range(MOST):
            assert guard.failure is None
            kill(postmaster(state))
            await guard.news()
        assert "its last words" in str(guard.failure)
        assert "ready to accept connections" in str(guard.failure)
    assert guard.restarts == MOST - 1
    assert_nothing_runs(state)


@pytest.mark.asyncio
async def test_server_without_data_is_not_started_again(state: Path, tmp_path: Path) -> None:
    guard = Told()
    data = state / "postgres/data"
    async with embedded_server(state, guard=guard):
        server = postmaster(state)
        data.rename(tmp_path / "data")
        kill(server)
        await guard.news()
        assert "was removed" in str(guard.failure)
        assert not data.exists()
    (tmp_path / "data/postmaster.pid").unlink()
    (tmp_path / "data").rename(data)
