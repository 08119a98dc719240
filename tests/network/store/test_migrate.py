from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest

from nextmini.errors import DatabaseError
from nextmini.store.migrate import migrations
from nextmini.store.naming import Naming
from nextmini.store.store import Store

if TYPE_CHECKING:
    from nextmini.store.connection import Connection

pytestmark = pytest.mark.asyncio

_numbers = itertools.count(1)

TABLES = {
    "nodes", "links", "routes", "flows", "flow_routes", "events", "classes", "traces", "node_state",
    "link_state", "route_state", "flow_state", "event_state", "algorithm_state", "runs", "link_metrics",
    "flow_metrics", "schema_version",
}  # fmt: skip


@pytest.fixture
def experiment() -> str:
    """One whose schema is not there yet."""
    return f"new-{next(_numbers)}"


async def open_and_close(dsn: str, experiment: str) -> None:
    await (await Store.open(dsn, experiment)).close()


async def tables(sql: Connection, schema: str) -> set[str]:
    rows = await sql.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
    return {row["tablename"] for row in rows}


async def test_schema_has_the_tables(dsn: str, experiment: str, sql: Connection) -> None:
    await open_and_close(dsn, experiment)
    assert await tables(sql, experiment) == TABLES
    assert await sql.fetchval("SELECT max(number) FROM schema_version") == len(migrations())


async def test_opening_again_changes_nothing(dsn: str, experiment: str, sql: Connection) -> None:
    await open_and_close(dsn, experiment)
    before = await sql.fetch("SELECT * FROM schema_version ORDER BY number")
    await open_and_close(dsn, experiment)
    assert await sql.fetch("SELECT * FROM schema_version ORDER BY number") == before


async def test_several_may_open_a_new_experiment_at_once(dsn: str, experiment: str, sql: Connection) -> None:
    await asyncio.gather(*(open_and_close(dsn, experiment) for _ in range(5)))
    assert await tables(sql, experiment) == TABLES


@pytest.mark.parametrize("name", ["two paths", 'qu"ote; DROP TABLE nodes', "ünï", "SELECT", "x" * 63])
async def test_any_name_will_do(dsn: str, sql: Connection, name: str) -> None:
    await open_and_close(dsn, name)
    assert await tables(sql, name) == TABLES


async def test_each_experiment_has_its_own(dsn: str) -> None:
    async with await Store.open(dsn, "one") as one, await Store.open(dsn, "two") as two:
        await one.add_routes([((1, 2), 1)])
        assert len((await one.desired()).routes) == 1
        assert len((await two.desired()).routes) == 0


async def test_what_is_missing_is_added(dsn: str, experiment: str, sql: Connection) -> None:
    """As after an update: an older version made the schema, and its rows stay."""
    await sql.execute(f'CREATE SCHEMA "{experiment}"')
    await sql.execute(
        "CREATE TABLE schema_version (number int PRIMARY KEY, name text, at timestamptz DEFAULT now())"
    )
    await sql.execute(migrations()[0].sql)
    await sql.execute("INSERT INTO schema_version VALUES (1, 'desired')")
    await sql.execute("INSERT INTO routes (path) VALUES ('{1,2}')")
    await open_and_close(dsn, experiment)
    assert await tables(sql, experiment) == TABLES
    assert await sql.fetchval("SELECT count(*) FROM routes") == 1


async def test_schema_of_a_newer_version_is_refused(dsn: str, experiment: str, sql: Connection) -> None:
    await open_and_close(dsn, experiment)
    await sql.execute("INSERT INTO schema_version (number, name) VALUES (1000, 'future')")
    with pytest.raises(DatabaseError, match=r"made by a newer Nextmini \(version 1000"):
        await Store.open(dsn, experiment)


async def test_somebody_elses_tables_are_left_alone(dsn: str, experiment: str, sql: Connection) -> None:
    await sql.execute(f'CREATE SCHEMA "{experiment}"')
    await sql.execute("CREATE TABLE nodes AS SELECT 1 AS theirs")
    with pytest.raises(DatabaseError, match='relation "nodes" already exists'):
        await Store.open(dsn, experiment)
    assert await tables(sql, experiment) == {"nodes"}


async def test_channels_are_those_that_are_listened_to(dsn: str, sql: Connection) -> None:
    for name in ("short", "x" * 46, "x" * 47, "ü" * 31, 'a"b'):
        naming = Naming.of(name)
        await open_and_close(dsn, name)
        function = f"{naming.quoted}.announce_channel($1, $2)"
        assert await sql.fetchval(f"SELECT {function}", name, "") == naming.channel("desired")
        assert await sql.fetchval(f"SELECT {function}", name, "state") == naming.channel("state")
        assert await sql.fetchval(f"SELECT {function}", name, "metrics") == naming.channel("metrics")


async def test_user_without_rights_is_told(dsn: str, experiment: str, sql: Connection) -> None:
    await sql.execute("DROP ROLE IF EXISTS guest")
    await sql.execute("CREATE ROLE guest LOGIN")
    with pytest.raises(DatabaseError, match=f'schema "{experiment}" cannot be made.*permission denied'):
        await Store.open(dsn.replace("nextmini@", "guest@"), experiment)


async def test_user_with_a_schema_needs_no_other_right(dsn: str, experiment: str, sql: Connection) -> None:
    await sql.execute("DROP ROLE IF EXISTS tenant")
    await sql.execute("CREATE ROLE tenant LOGIN")
    await sql.execute(f'CREATE SCHEMA "{experiment}" AUTHORIZATION tenant')
    async with await Store.open(dsn.replace("nextmini@", "tenant@"), experiment) as store:
        await store.claim()
        assert len((await store.desired()).nodes) == 0
    await sql.execute("DROP OWNED BY tenant")
