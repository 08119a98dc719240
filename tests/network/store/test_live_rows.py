"""What the database refuses of rows that somebody writes while a network runs, and what it takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from nextmini.scenario.network import Flow, Route

from .networks import ring

if TYPE_CHECKING:
    from nextmini.store.connection import Connection
    from nextmini.store.store import Store

pytestmark = pytest.mark.asyncio

ROUTES = (
    Route(1, (1, 2, 3), 1, "scenario"),
    Route(2, (1, 4, 3), 1, "scenario"),
    Route(3, (1, 2), 1, "scenario"),
)
FLOWS = (
    Flow(1, "bulk", 1, 3, "lossless", "normal", None, None, None, 1, 0.0),
    Flow(2, "voice", 1, 3, "udp", "normal", None, 1.0, 64_000, 1, 0.0, packet_size=100),
)


@pytest_asyncio.fixture
async def network(store: Store) -> None:
    await store.begin_run("r", replace(ring(4), routes=ROUTES, flows=FLOWS), "")


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE routes SET weight = 0 WHERE id = 1", "route 1 (n1 n2 n3): weight 0 is not above 0"),
        ("INSERT INTO routes (path, weight) VALUES ('{1,4}', -1)", "(n1 n4): weight -1 is not above 0"),
        ("UPDATE routes SET path = '{1}' WHERE id = 2", "route 2 (n1): a path has at least two nodes"),
        ("INSERT INTO routes (id, path) VALUES (9, '{99}')", "route 9 (#99): a path has at least two nodes"),
        ("UPDATE flows SET rate = 0 WHERE id = 1", 'flow "bulk": rate 0 is not above 0'),
        ("UPDATE flows SET weight = -3 WHERE id = 2", 'flow "voice": weight -3 is not above 0'),
        ("UPDATE flows SET rate = NULL WHERE id = 2", 'flow "voice": a flow of kind udp has a rate'),
        ("UPDATE flows SET size = 5, kind = 'tcp' WHERE id = 1", 'flow "bulk": kind, size cannot change'),
        ("UPDATE flows SET source = 2", 'flow "bulk": source cannot change'),
        (
            "INSERT INTO flow_routes VALUES (1, 3)",
            'flow "bulk" goes from n1 to n3, and cannot be pinned to route 3 (n1 n2)',
        ),
        ("INSERT INTO flow_routes VALUES (1, 7)", "flow_routes_route_fkey"),
    ],
)
@pytest.mark.usefixtures("network")
async def test_what_cannot_be_is_refused_with_the_row(sql: Connection, statement: str, says: str) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        await sql.execute(statement)
    assert says in str(refused.value)


@pytest.mark.usefixtures("network")
async def test_a_route_with_pins_keeps_its_ends(sql: Connection) -> None:
    await sql.execute("INSERT INTO flow_routes VALUES (1, 1)")
    await sql.execute("UPDATE routes SET path = '{1,4,3}' WHERE id = 1")
    with pytest.raises(asyncpg.CheckViolationError, match=r'"bulk" .* cannot be pinned to route 1 \(n1 n2\)'):
        await sql.execute("UPDATE routes SET path = '{1,2}' WHERE id = 1")
    async with sql.transaction():
        await sql.execute("UPDATE routes SET path = '{1,2}' WHERE id = 1")
        await sql.execute("UPDATE flow_routes SET route = 2 WHERE flow = 1")
    assert await sql.fetchval("SELECT route FROM flow_routes") == 2


@pytest.mark.usefixtures("network")
async def test_what_may_change_of_a_flow_changes(store: Store, sql: Connection) -> None:
    await sql.execute("UPDATE flows SET name = 'more', rate = 5000, weight = 7 WHERE id = 1")
    await sql.execute("UPDATE flows SET rate = NULL WHERE id = 1")
    flow = (await store.desired()).flows[1]
    assert (flow.name, flow.rate, flow.weight) == ("more", None, 7)


@pytest.mark.usefixtures("network")
async def test_rows_of_one_transaction_come_in_any_order(store: Store, sql: Connection) -> None:
    columns = "(id, name, source, destination, packet_size)"
    async with sql.transaction():
        await sql.execute("INSERT INTO flow_routes VALUES (11, 21)")
        await sql.execute("INSERT INTO routes (id, path) VALUES (21, '{9,1}')")
        await sql.execute(f"INSERT INTO flows {columns} VALUES (11, 'new', 9, 1, NULL)")
        await sql.execute("INSERT INTO links (id, a, b, transport) VALUES (31, 9, 1, 'memory')")
        await sql.execute("INSERT INTO nodes (id, name, address, hop_limit) VALUES (9, 'n9', '10.9.0.9', 8)")
    desired = await store.desired()
    assert (desired.pins[11], desired.links[31].a, desired.routes[21].path) == (21, 9, (9, 1))
    await sql.execute("DELETE FROM nodes WHERE id = 9")
    assert (await store.desired()).pins == {}


async def test_a_statement_without_a_search_path_is_refused_alike(
    store: Store, dsn: str, network: None
) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        schema = store._naming.schema
        with pytest.raises(asyncpg.CheckViolationError, match=r"route 1 \(n1 n2 n3\)"):
            await connection.execute(f'UPDATE "{schema}".routes SET weight = 0 WHERE id = 1')
        with pytest.raises(asyncpg.CheckViolationError, match='flow "bulk"'):
            await connection.execute(f'INSERT INTO "{schema}".flow_routes VALUES (1, 3)')
    finally:
        await connection.close()
