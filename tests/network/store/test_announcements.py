"""What is announced when somebody, here as with psql, changes rows."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import pytest_asyncio

from nextmini.store.naming import Naming

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nextmini.store.connection import Connection
    from nextmini.store.naming import Topic
    from nextmini.store.store import Store

pytestmark = pytest.mark.asyncio

# Table -> its channel, the column of the ids, and the values of two rows, numbers 1 and 2.
TABLES: dict[str, tuple[Topic, str, str]] = {
    "nodes": (
        "desired",
        "id",
        "(1, 'c', '10.1.0.1', 1, 'sequential', 9, 0), (2, 'd', '10.1.0.2', 1, 'sequential', 9, 0)",
    ),
    "links": ("desired", "id", "(1, 11, 12, 'tcp', 1, 'cubic'), (2, 12, 13, 'tcp', 1, 'cubic')"),
    "routes": ("desired", "id", "(1, '{11,12}', 1, 'x'), (2, '{12,11}', 1, 'x')"),
    "flows": (
        "desired",
        "id",
        "(1, 'f', 11, 12, 'lossless', 'normal', 1), (2, 'g', 12, 11, 'lossless', 'normal', 1)",
    ),
    "flow_routes": ("desired", "flow", "(1, 21), (2, 29)"),
    "events": ("desired", "id", "(1, 0, '{}'), (2, 0, '{}')"),
    "classes": ("desired", "id", "(1, 11, NULL, 17, 53, 10, NULL), (2, NULL, NULL, NULL, NULL, NULL, 3)"),
    "traces": ("desired", "id", "(1, 'a', 'rates', 0, '{0}', '{5}'), (2, 'b', 'rates', 0, '{0}', '{5}')"),
    "node_state": ("state", "node", "(1, 0, 1, 'up'), (2, 0, 1, 'up')"),
    "link_state": ("state", "link", "(1, 1, 'up'), (2, 1, 'up')"),
    "route_state": ("state", "route", "(1, 1, 'up'), (2, 1, 'up')"),
    "flow_state": ("state", "flow", "(1, 1, 'running', 0, 0, 0, 0), (2, 1, 'running', 0, 0, 0, 0)"),
    "event_state": ("state", "event", "(1, 'applied'), (2, 'failed')"),
    "link_metrics": (
        "metrics",
        "link",
        "('r', now(), 1, 1, 0, 0, '{}', 0), ('r', now(), 2, 1, 0, 0, '{}', 0)",
    ),
    "flow_metrics": ("metrics", "flow", "('r', now(), 1, 0, 0, 0, 0, 0), ('r', now(), 2, 0, 0, 0, 0, 0)"),
}

# What rows of other tables refer to.
FOUNDATION = """
INSERT INTO nodes (id, name, address, hop_limit)
    SELECT i, 'n' || i, '10.0.0.0'::inet + i, 9 FROM generate_series(11, 13) AS i;
INSERT INTO routes (id, path) VALUES (21, '{11,12}'), (29, '{12,11}');
"""
FLOWS = "INSERT INTO flows (id, name, source, destination) VALUES (1, 'f1', 11, 12), (2, 'f2', 12, 11)"


class Announcements:
    """What came on some channels, each as (channel, payload)."""

    def __init__(self, connection: Connection, channels: list[str]) -> None:
        self._connection = connection
        self._channels = channels
        self._heard: list[tuple[str, Any]] = []
        self._end = asyncio.Event()

    async def listen(self) -> None:
        for channel in (*self._channels, "end"):
            await self._connection.add_listener(channel, self._hear)

    async def take(self) -> list[tuple[str, Any]]:
        """All since the last time. What we announce ourselves comes after them, in the order of commits."""
        await self._connection.execute('NOTIFY "end"')
        await self._end.wait()
        self._end.clear()
        heard, self._heard = self._heard, []
        return heard

    def _hear(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        if channel == "end":
            self._end.set()
        else:
            self._heard.append((channel, json.loads(str(payload))))


@pytest_asyncio.fixture
async def announcements(store: Store, sql: Connection, experiment: str) -> AsyncIterator[Announcements]:
    await sql.execute(FOUNDATION)
    naming = Naming.of(experiment)
    listener = Announcements(sql, [naming.channel(topic) for topic in ("desired", "state", "metrics")])
    await listener.listen()
    yield listener


@pytest.mark.parametrize("table", TABLES)
async def test_every_statement_is_announced_once(
    sql: Connection, experiment: str, announcements: Announcements, table: str
) -> None:
    topic, key, rows = TABLES[table]
    channel = Naming.of(experiment).channel(topic)
    if table == "flow_routes":
        await sql.execute(FLOWS)
        await announcements.take()

    await sql.execute(f"INSERT INTO {table} VALUES {rows}")
    assert await announcements.take() == [(channel, {"table": table, "op": "insert", "ids": [1, 2]})]
    await sql.execute(f"UPDATE {table} SET {key} = {key} WHERE {key} IN (1, 2)")
    assert await announcements.take() == [(channel, {"table": table, "op": "update", "ids": [1, 2]})]
    await sql.execute(f"DELETE FROM {table} WHERE {key} = 2")
    assert await announcements.take() == [(channel, {"table": table, "op": "delete", "ids": [2]})]
    await sql.execute(f"TRUNCATE {table} CASCADE")
    heard = await announcements.take()
    assert (channel, {"table": table, "op": "truncate"}) in heard
    assert len(heard) == len({payload["table"] for _, payload in heard})


async def test_runs_are_announced_without_names(
    sql: Connection, experiment: str, announcements: Announcements
) -> None:
    await sql.execute("INSERT INTO runs (id, seed, scenario) VALUES ('r', 1, '')")
    await sql.execute("UPDATE runs SET status = 'passed'")
    channel = Naming.of(experiment).channel("state")
    assert await announcements.take() == [
        (channel, {"table": "runs", "op": "insert"}),
        (channel, {"table": "runs", "op": "update"}),
    ]


async def test_statement_that_changes_nothing_wakes_nobody(
    sql: Connection, announcements: Announcements
) -> None:
    await sql.execute("UPDATE nodes SET hop_limit = 8 WHERE id = 1000")
    await sql.execute("DELETE FROM nodes WHERE id = 1000")
    await sql.execute("INSERT INTO routes (path) SELECT '{1,2}' WHERE false")
    assert await announcements.take() == []


async def test_statement_that_is_rolled_back_wakes_nobody(
    sql: Connection, announcements: Announcements
) -> None:
    transaction = sql.transaction()
    await transaction.start()
    await sql.execute("UPDATE nodes SET hop_limit = 8")
    await transaction.rollback()
    assert await announcements.take() == []


async def test_row_that_is_renumbered_is_announced_by_both_numbers(
    sql: Connection, announcements: Announcements
) -> None:
    await sql.execute("UPDATE routes SET id = 22 WHERE id = 21")
    assert [payload["ids"] for _, payload in await announcements.take()] == [[21, 22]]


async def test_samples_of_one_link_name_it_once(sql: Connection, announcements: Announcements) -> None:
    await sql.execute(
        "INSERT INTO link_metrics SELECT 'r', now(), 7, i, 0, 0, '{}', 0 FROM generate_series(1, 500) AS i"
    )
    assert [payload["ids"] for _, payload in await announcements.take()] == [[7]]


@pytest.mark.parametrize(
    ("first", "count", "named"), [(1, 1000, True), (10**9, 500, True), (10**9, 1000, False)]
)
async def test_ids_are_left_out_when_they_do_not_fit(
    sql: Connection, announcements: Announcements, first: int, count: int, named: bool
) -> None:
    await sql.execute(
        "INSERT INTO events SELECT i, 0, '{}' FROM generate_series($1::int, $2::int) AS i",
        first,
        first + count - 1,
    )
    ((_, payload),) = await announcements.take()
    assert payload.get("ids") == (list(range(first, first + count)) if named else None)


async def test_what_hangs_on_a_deleted_node_is_deleted_and_announced(
    sql: Connection, announcements: Announcements
) -> None:
    await sql.execute(
        "INSERT INTO links (id, a, b, transport) VALUES (31, 11, 12, 'tcp'), (32, 12, 13, 'tcp')"
    )
    await sql.execute(FLOWS)
    await sql.execute("INSERT INTO flow_routes VALUES (1, 21)")
    await announcements.take()
    await sql.execute("DELETE FROM nodes WHERE id = 11")
    heard = {(payload["table"], id) for _, payload in await announcements.take() for id in payload["ids"]}
    assert heard == {("nodes", 11), ("links", 31), ("flows", 1), ("flows", 2), ("flow_routes", 1)}


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO links (a, b, transport) VALUES (11, 11, 'tcp')",
        "INSERT INTO links (a, b, transport) VALUES (11, 99, 'tcp')",
        "INSERT INTO links (a, b, transport) VALUES (11, 12, 'carrier pigeon')",
        "INSERT INTO links (a, b, transport) VALUES (11, 12, 'tcp'), (12, 11, 'tcp')",
        "INSERT INTO flows (name, source, destination) VALUES ('f', 11, 11)",
        "INSERT INTO flows (name, source, destination, size) VALUES ('f', 11, 12, 0)",
        "INSERT INTO routes (path) VALUES ('{11}')",
        "INSERT INTO routes (path, weight) VALUES ('{11,12}', 0)",
        "UPDATE nodes SET hop_limit = 65536",
        "UPDATE nodes SET mapping = 'random'",
        "UPDATE nodes SET address = '10.0.0.1'",
    ],
)
async def test_rows_that_make_no_sense_are_refused(
    sql: Connection, announcements: Announcements, statement: str
) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await sql.execute(statement)
    assert await announcements.take() == []
