from __future__ import annotations

import asyncio
import os
import signal
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from nextmini.errors import DatabaseError
from nextmini.store.guard import Guard
from nextmini.store.rows import RESYNC, Change
from nextmini.store.sharing import SharedServer
from nextmini.store.store import Store

from .conftest import kill, postmaster
from .networks import ring

if TYPE_CHECKING:
    from pathlib import Path

    from nextmini.store.connection import Connection

pytestmark = pytest.mark.asyncio

CUT_OFF = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name LIKE $1 AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND pid IN (SELECT pid FROM pg_stat_activity WHERE query LIKE $2)
"""


async def cut_listener_off(sql: Connection, experiment: str) -> None:
    """Ends the sessions that listen to this experiment, and no others."""
    assert await sql.fetchval(CUT_OFF, "nextmini listener%", f"%LISTEN%{experiment}%") == 1


async def test_first_set_asks_to_read_everything(store: Store) -> None:
    assert await anext(store.changes()) == {RESYNC}


async def test_change_of_a_row_is_told(store: Store, sql: Connection) -> None:
    changes = store.changes()
    await anext(changes)
    await sql.execute("INSERT INTO routes (id, path) VALUES (7, '{1,2}')")
    assert await anext(changes) == {Change("routes", "insert", frozenset({7}))}


async def test_changes_of_a_busy_reader_are_gathered(store: Store, sql: Connection) -> None:
    changes = store.changes()
    await anext(changes)
    await sql.execute("INSERT INTO routes (id, path) VALUES (7, '{1,2}')")
    await sql.execute("INSERT INTO routes (id, path) VALUES (8, '{1,2}'), (9, '{1,2}')")
    await sql.execute("DELETE FROM routes WHERE id = 8")
    await sql.execute("TRUNCATE events")
    gathered: set[Change] = set()
    while Change("events", "truncate", None) not in gathered:
        gathered |= await anext(changes)
    inserted = {id for change in gathered if change.op == "insert" for id in change.ids or ()}
    assert inserted == {7, 8, 9}
    assert Change("routes", "delete", frozenset({8})) in gathered


async def test_topics_are_apart(store: Store, sql: Connection) -> None:
    desired, state, both = store.changes(), store.changes("state"), store.changes("desired", "state")
    for changes in (desired, state, both):
        await anext(changes)
    await sql.execute("INSERT INTO link_state VALUES (1, 1, 'up')")
    assert await anext(state) == await anext(both) == {Change("link_state", "insert", frozenset({1}))}
    await sql.execute("INSERT INTO routes (id, path) VALUES (7, '{1,2}')")
    assert await anext(desired) == await anext(both) == {Change("routes", "insert", frozenset({7}))}


async def test_own_states_do_not_wake_the_reader_of_what_is_desired(store: Store, sql: Connection) -> None:
    changes = store.changes()
    await anext(changes)
    await sql.execute("INSERT INTO node_state VALUES (1, 0, 1, 'up')")
    await sql.execute("INSERT INTO flow_metrics VALUES ('r', now(), 1, 0, 0, 0, 0, 0)")
    await sql.execute("TRUNCATE events")
    assert await anext(changes) == {Change("events", "truncate", None)}


async def test_after_a_break_everything_is_read_again(store: Store, sql: Connection, experiment: str) -> None:
    changes = store.changes()
    await anext(changes)
    await cut_listener_off(sql, experiment)
    await sql.execute("INSERT INTO routes (id, path) VALUES (7, '{1,2}')")  # perhaps not heard
    assert await anext(changes) == {RESYNC}
    assert (await store.refresh(await store.desired(), {RESYNC})).routes.keys() == {7}
    await sql.execute("DELETE FROM routes")
    while await anext(changes) != {Change("routes", "delete", frozenset({7}))}:
        pass


async def test_waiting_reader_learns_of_a_break(store: Store, sql: Connection, experiment: str) -> None:
    changes = store.changes()
    await anext(changes)
    waiting = asyncio.create_task(anext(changes))
    await asyncio.wait([waiting], timeout=0.05)
    await cut_listener_off(sql, experiment)
    assert await waiting == {RESYNC}


async def test_silent_death_of_the_server_is_found(
    store: Store, sql: Connection, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped process answers nothing and closes nothing, like a machine that has lost its power."""
    monkeypatch.setattr("nextmini.store.listener._HEARTBEAT_SECONDS", 0.1)
    changes = store.changes()
    await anext(changes)
    backend = await sql.fetchval(
        "SELECT pid FROM pg_stat_activity WHERE query LIKE $1", f"%LISTEN%{experiment}%"
    )
    os.kill(backend, signal.SIGSTOP)
    try:
        assert await anext(changes) == {RESYNC}
    finally:
        os.kill(backend, signal.SIGCONT)


async def test_garbage_on_the_channel_asks_for_a_resync(
    store: Store, sql: Connection, experiment: str
) -> None:
    changes = store.changes()
    await anext(changes)
    await sql.execute(f"NOTIFY \"nextmini:{experiment}\", 'garbage'")
    assert await anext(changes) == {RESYNC}


async def test_closing_the_store_ends_the_iteration(store: Store) -> None:
    changes = store.changes()
    await anext(changes)
    waiting = asyncio.create_task(anext(changes, None))
    await asyncio.wait([waiting], timeout=0.05)
    await store.close()
    assert await waiting is None
    assert [change async for change in changes] == []


async def test_cancelled_reader_may_go_on(store: Store, sql: Connection) -> None:
    changes = store.changes()
    await anext(changes)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(changes)
    await sql.execute("TRUNCATE events")
    assert await anext(changes) == {Change("events", "truncate", None)}


class TestServerThatDies:
    async def test_listener_and_queries_say_so(self, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("nextmini.store.listener.AWAY_SECONDS", 0.5)
        with closing(SharedServer(state)) as share:
            async with await Store.open(share.enter(), "dies") as store:
                await store.claim()
                changes = store.changes()
                await anext(changes)
                kill(postmaster(state))
                with pytest.raises(DatabaseError, match="PostgreSQL has been away for"):
                    await anext(changes)
                with pytest.raises(DatabaseError, match="the desired network cannot be read"):
                    await store.desired()
                with pytest.raises(DatabaseError, match="states cannot be written"):
                    await store.write_states([])
            share.leave()

    async def test_listener_does_not_wait_for_a_server_that_is_known_to_be_gone(self, state: Path) -> None:
        guard = Guard()
        with closing(SharedServer(state)) as share:
            async with await Store.open(share.enter(), "gone", guard) as store:
                changes = store.changes()
                await anext(changes)
                guard.gone(DatabaseError("its disk was stolen"))
                kill(postmaster(state))
                with pytest.raises(DatabaseError, match="its disk was stolen"):
                    await anext(changes)
                with pytest.raises(DatabaseError, match="the desired network cannot be read"):
                    await store.patiently(store.desired)
            share.leave()

    async def test_what_cannot_wait_is_done_again_until_the_server_is_back(self, state: Path) -> None:
        with closing(SharedServer(state)) as share:
            async with await Store.open(share.enter(), "patient") as store:
                await store.begin_run("r", ring(5), "")
                kill(postmaster(state))
                reading = asyncio.create_task(store.patiently(store.desired))
                await asyncio.to_thread(share.revive)
                assert len((await reading).nodes) == 5
            share.leave()

    async def test_listener_survives_a_restart(self, state: Path) -> None:
        with closing(SharedServer(state)) as share:
            async with await Store.open(share.enter(), "restarts") as store:
                await store.begin_run("r", ring(5), "")
                changes = store.changes()
                await anext(changes)
                kill(postmaster(state))
                waiting = asyncio.create_task(anext(changes))
                with closing(SharedServer(state)) as another:
                    another.enter()  # finds no server, and starts one
                    assert await waiting == {RESYNC}
                    assert len((await store.desired()).nodes) == 5
                    another.leave()
            share.leave()
