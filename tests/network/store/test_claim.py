from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from nextmini.errors import ControllerError
from nextmini.store.rows import RESYNC
from nextmini.store.store import Store

if TYPE_CHECKING:
    from nextmini.store.connection import Connection

pytestmark = pytest.mark.asyncio

# All advisory locks are claims here: migrations are over when a store is open.
CUT_OFF = """
SELECT count(pg_terminate_backend(pid)) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND application_name LIKE 'nextmini controller%'
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextmini.store.claim._PATIENCE", "300ms")


async def test_second_controller_is_refused_and_told_who_is_there(
    store: Store, dsn: str, experiment: str
) -> None:
    await store.claim()
    async with await Store.open(dsn, experiment) as other:
        with pytest.raises(
            ControllerError, match=f"'{experiment}' already has a controller.*process {os.getpid()} on"
        ):
            await other.claim()
    await store.claim()


async def test_other_experiments_are_free(store: Store, dsn: str) -> None:
    await store.claim()
    async with await Store.open(dsn, "another") as other:
        await other.claim()


async def test_closing_gives_the_claim_up(store: Store, dsn: str, experiment: str) -> None:
    await store.claim()
    async with await Store.open(dsn, experiment) as other:
        await store.close()
        await other.claim()


async def test_claim_of_one_who_has_just_died_is_waited_for(store: Store, dsn: str, experiment: str) -> None:
    await store.claim()
    async with await Store.open(dsn, experiment) as other:
        claiming = asyncio.create_task(other.claim())
        await asyncio.wait([claiming], timeout=0.1)
        await store.close()
        await claiming


async def test_lost_claim_is_taken_again(store: Store, dsn: str, experiment: str, sql: Connection) -> None:
    await store.claim()
    changes = store.changes()
    await anext(changes)
    assert await sql.fetchval(CUT_OFF) == 1
    assert await anext(changes) == {RESYNC}
    async with await Store.open(dsn, experiment) as other:
        with pytest.raises(ControllerError):
            await other.claim()


async def test_claim_that_another_took_ends_the_changes(
    store: Store, dsn: str, experiment: str, sql: Connection
) -> None:
    await store.claim()
    changes = store.changes()
    await anext(changes)
    async with await Store.open(dsn, experiment) as other:
        claiming = asyncio.create_task(other.claim())
        await asyncio.wait([claiming], timeout=0.1)  # now it waits in line, and is served first
        assert await sql.fetchval(CUT_OFF + "AND granted") == 1
        await claiming
        with pytest.raises(ControllerError):
            await anext(changes)


async def test_store_without_a_claim_never_takes_one(store: Store, dsn: str, experiment: str) -> None:
    await anext(store.changes())
    async with await Store.open(dsn, experiment) as other:
        await other.claim()
