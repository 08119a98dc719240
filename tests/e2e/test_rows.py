"""Rows that somebody changes with SQL while a network runs take effect."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

from labs import sql, until_rows
from program import resident
from scenario_texts import links
from test_live import assert_nothing_left, up

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg
    from program import Program

    Sql = asyncpg.Connection[asyncpg.Record]

# Three ways from a (1) to e (5): over b (2), c (3) and d (4).
THREE_WAYS = """
[experiment]
name = "rows"
interval = "100 ms"
processes = 2
[topology]
kind = "custom"
nodes = ["a", "b", "c", "d", "e"]
[[routes]]
path = ["a", "b", "e"]
weight = 3
both = false
[[routes]]
path = ["a", "c", "e"]
both = false
"""
THREE_WAYS += links("ab", "be", "ac", "ce", "ad", "de")
KINDS = ("udp", "lossless", "tcp")
OF_KIND = 400
FLOWS = len(KINDS) * OF_KIND
# Of 400 flows, each with a chance of 3/4: 99.9 % of all outcomes are in between.
LEAST, MOST = 271, 328
OF_FLOWS = "SELECT flow, route FROM flow_state WHERE status = 'running' ORDER BY flow"
FAST = 8_000_000_000


def on_rows(program: Program, work: Callable[[Sql], Awaitable[None]], code: int = 0) -> dict[str, Any]:
    """Does something with the rows of a running experiment; returns what it results in."""
    up(program, THREE_WAYS)

    async def connected() -> None:
        async with sql(program, "rows") as connection:
            await work(connection)

    asyncio.run(connected())
    done = program.run("down", "--json")
    assert done.code == code, done
    assert_nothing_left(program)
    return done.document


async def add_flow(connection: Sql, name: str, columns: str = "", values: str = "") -> int:
    id: int = await connection.fetchval(
        f"INSERT INTO flows (name, source, destination {columns}) VALUES ($1, 1, 5 {values}) RETURNING id",
        name,
    )
    return id


async def routes_of_all(connection: Sql) -> dict[int, int]:
    """The route of each flow, by samples that were all taken from now on."""
    seen = "SELECT count(DISTINCT flow) FROM flow_metrics WHERE time > $1"
    now = await connection.fetchval("SELECT clock_timestamp()")
    for _ in range(2):
        await until_rows(connection, seen.replace("$1", f"'{now}'"), lambda rows: rows[0][0] >= FLOWS)
        now = await connection.fetchval("SELECT clock_timestamp()")
    return {row[0]: row[1] for row in await connection.fetch(OF_FLOWS)}


def test_flows_are_spread_by_weight_and_keep_to_their_routes(program: Program) -> None:
    async def work(connection: Sql) -> None:
        # The way back: of hundreds of answers at the same moment only a few would wait for a computed route.
        back = await connection.fetchval("INSERT INTO routes (path) VALUES ('{5,4,1}') RETURNING id")
        state = f"SELECT status FROM route_state WHERE route = {back}"
        await until_rows(connection, state, lambda rows: rows == [("installed",)])
        kinds: dict[int, str] = {}
        for kind in KINDS:
            rows = await connection.fetch(
                "INSERT INTO flows (name, source, destination, kind, rate, packet_size)"
                " SELECT $1 || n, 1, 5, $1, 8000, $2 FROM generate_series(1, $3) n RETURNING id",
                *(kind, 100 if kind == "udp" else None, OF_KIND),
            )
            kinds |= {row[0]: kind for row in rows}
        await until_rows(connection, OF_FLOWS, lambda rows: len(rows) == FLOWS)
        first = await routes_of_all(connection)
        for kind in KINDS:
            shares = Counter(route for flow, route in first.items() if kinds[flow] == kind)
            assert (set(shares), LEAST <= shares[1] <= MOST) == ({1, 2}, True), (kind, shares)
        # What is for flows that begin.
        await connection.execute("UPDATE routes SET weight = 9 WHERE id = 2")
        third = await connection.fetchval("INSERT INTO routes (path) VALUES ('{1,4,5}') RETURNING id")
        assert await routes_of_all(connection) == first
        # A route that takes another path takes its flows along.
        await connection.execute("UPDATE routes SET path = '{1,4,5}' WHERE id = 1")
        assert await routes_of_all(connection) == first
        # One that goes leaves its flows to the others, and only those move.
        await connection.execute("DELETE FROM routes WHERE id = 2")
        after = await routes_of_all(connection)
        assert {flow: route for flow, route in after.items() if first[flow] == 1} == {
            flow: 1 for flow, route in first.items() if route == 1
        }
        assert set(after.values()) == {1, third}

    result = on_rows(program, work)
    drops = [link for link in result["link_stats"] if any(link["drops"].values())]
    assert drops == []
    flows = {kind: [flow for flow in result["flows"] if flow["kind"] == kind] for kind in KINDS}
    assert [flow["name"] for flow in flows["udp"] if flow["packets_sent"] < 3] == []
    assert sum(flow["packets_sent"] - flow["packets_received"] for flow in flows["udp"]) <= OF_KIND
    assert [flow["name"] for flow in flows["lossless"] + flows["tcp"] if flow["bytes"] == 0] == []


def test_a_pin_wins_over_weights_and_moves_a_flow_that_runs(program: Program) -> None:
    async def work(connection: Sql) -> None:
        kinds = {"whole": "lossless", "packets": "udp", "stream": "tcp", "requests": "icmp"}
        flows = {
            name: await add_flow(connection, name, ", kind, rate", f", '{kind}', 400000")
            for name, kind in kinds.items()
        }
        await until_rows(connection, OF_FLOWS, lambda rows: len(rows) == len(flows))
        reported = [id for name, id in flows.items() if name != "requests"]

        async def on(route: int) -> None:
            wanted = [(id, route) for id in sorted(reported)]
            await until_rows(
                connection, OF_FLOWS, lambda rows: [row for row in rows if row[0] in reported] == wanted
            )

        await connection.execute("INSERT INTO flow_routes SELECT id, 2 FROM flows")
        await on(2)
        await connection.execute("UPDATE flow_routes SET route = 1")
        await on(1)
        # To a path that the route had not when the flows were bound to it.
        await connection.execute("UPDATE routes SET path = '{1,4,5}' WHERE id = 1")
        over_d = "SELECT max(packets) > 100 FROM link_metrics WHERE node = 4 AND link = 6"
        await until_rows(connection, over_d, lambda rows: rows == [(True,)])
        await connection.execute("UPDATE flow_routes SET route = 2")
        await on(2)
        await connection.execute("DELETE FROM routes WHERE id = 2")
        await on(1)
        async with connection.transaction():
            await connection.execute("INSERT INTO flow_routes SELECT id, 7 FROM flows")
            await connection.execute("INSERT INTO routes (id, path) VALUES (7, '{1,2,5}')")
        await on(7)
        await connection.execute("UPDATE routes SET path = '{1,3,5}' WHERE id = 7")
        await connection.execute("DELETE FROM flow_routes")
        await connection.execute("DELETE FROM routes WHERE id = 7")
        await on(1)

    result = on_rows(program, work)
    assert [link for link in result["link_stats"] if any(link["drops"].values())] == []


def test_a_flow_waits_for_the_route_that_it_must_take(program: Program) -> None:
    async def work(connection: Sql) -> None:
        async with connection.transaction():
            flow = await add_flow(connection, "waits", ", size", ", 100000")
            await connection.execute("INSERT INTO flow_routes VALUES ($1, 9)", flow)
            await connection.execute("INSERT INTO routes (id, path) VALUES (9, '{1,5}')")
        state = "SELECT flow_state.status, flow_state.reason, route_state.status FROM flow_state, route_state"
        state += " WHERE route_state.route = 9"
        reason = "it waits for route 9: there is no link between a and e"
        await until_rows(connection, state, lambda rows: rows == [("running", reason, "rejected")])
        await connection.execute("INSERT INTO links (a, b, transport) VALUES (1, 5, 'tcp')")
        await until_rows(connection, state, lambda rows: rows == [("completed", None, "installed")])
        assert await connection.fetchval("SELECT route FROM flow_state") == 9

    result = on_rows(program, work)
    assert result["flows"][0]["route"] == ["a", "e"]


def test_a_path_that_cannot_be_leaves_the_one_that_is(program: Program) -> None:
    async def work(connection: Sql) -> None:
        await connection.execute("DELETE FROM routes WHERE id = 2")
        flow = await add_flow(connection, "goes on", ", rate", ", 1000000")
        await until_rows(connection, OF_FLOWS, lambda rows: rows == [(flow, 1)])
        await connection.execute("UPDATE routes SET path = '{1,2,3,5}' WHERE id = 1")
        state = "SELECT status, reason FROM route_state WHERE route = 1"
        refused = [("rejected", "there is no link between b and c")]
        await until_rows(connection, state, lambda rows: rows == refused)
        much = "SELECT coalesce(max(bytes), 0) + 100000 FROM flow_metrics"
        more = f"SELECT max(acknowledged) > {await connection.fetchval(much)} FROM flow_metrics"
        await until_rows(connection, more, lambda rows: rows == [(True,)])
        await connection.execute("UPDATE routes SET path = '{1,3,5}' WHERE id = 1")
        await until_rows(connection, state, lambda rows: rows == [("installed", None)])

    result = on_rows(program, work)
    assert result["flows"][0]["status"] == "stopped"
    assert [link for link in result["link_stats"] if any(link["drops"].values())] == []


def test_a_flow_in_max_mode_stays_on_its_route_and_fails_when_that_goes(program: Program) -> None:
    async def work(connection: Sql) -> None:
        names = ("pinned", "removed", "moved")
        async with connection.transaction():
            flows = [await add_flow(connection, name, ", rate, mode", ", 400000, 'max'") for name in names]
            await connection.execute("INSERT INTO routes (id, path) VALUES (7, '{1,2,5}'), (8, '{1,4,5}')")
            await connection.execute("INSERT INTO routes (id, path) VALUES (9, '{1,3,5}')")
            pins = [(flow, 7 + place) for place, flow in enumerate(flows)]
            await connection.executemany("INSERT INTO flow_routes VALUES ($1, $2)", pins)
        state = "SELECT name, flow_state.status, route, reason FROM flow_state JOIN flows ON flow = id"

        async def until(*wanted: tuple[str, str, int, str | None]) -> None:
            """Waits for what is known of each; of reasons the beginnings count."""

            def as_wanted(rows: list[Any]) -> bool:
                return [row[:3] for row in sorted(rows)] == [row[:3] for row in sorted(wanted)] and all(
                    (row[3] or "").startswith(why or "") and (row[3] is None) == (why is None)
                    for row, (_, _, _, why) in zip(sorted(rows), sorted(wanted), strict=True)
                )

            await until_rows(connection, state, as_wanted)

        others = ("removed", "running", 8, None), ("moved", "running", 9, None)
        await until(("pinned", "running", 7, None), *others)
        await connection.execute("UPDATE flow_routes SET route = 8 WHERE flow = $1", flows[0])
        kept = "not in force: dataplane process 0: a flow in max mode keeps the route that it began with;"
        pinned = ("pinned", "running", 7, kept)
        await until(pinned, *others)
        await connection.execute("DELETE FROM routes WHERE id = 8")
        await connection.execute("UPDATE routes SET path = '{1,2,5}' WHERE id = 9")
        why = "and a flow in max mode keeps what it began with: "
        removed = ("removed", "failed", 8, f"route 8 was removed, {why}")
        await until(pinned, removed, ("moved", "failed", 9, f"route 9 has another path now, {why}"))

    result = on_rows(program, work, code=1)
    assert {flow["name"]: flow["status"] for flow in result["flows"]} == {
        "pinned": "stopped",
        "removed": "failed",
        "moved": "failed",
    }


def test_rates_and_weights_of_running_flows_change_at_once(program: Program) -> None:
    async def work(connection: Sql) -> None:
        # Each would take a day at the rate with which it begins.
        size = ", size, rate, kind, mode"
        for name, kind, mode in (
            ("whole", "lossless", "normal"),
            ("max", "lossless", "max"),
            ("stream", "tcp", "normal"),
            ("packets", "udp", "normal"),
            ("requests", "icmp", "normal"),
        ):
            await add_flow(connection, name, size, f", 1000000, 100, '{kind}', '{mode}'")
        await until_rows(connection, OF_FLOWS, lambda rows: len(rows) == 5)
        await connection.execute("UPDATE flows SET weight = 3 WHERE name = 'max'")
        refused = "SELECT status, reason FROM flow_state WHERE reason IS NOT NULL"
        await until_rows(
            connection,
            refused,
            lambda rows: len(rows) == 1 and rows[0][0] == "running" and "has no weight" in rows[0][1],
        )
        await connection.execute("UPDATE flows SET weight = 1 WHERE name = 'max'")
        await connection.execute("UPDATE flows SET weight = 7 WHERE mode = 'normal'")
        await connection.execute("UPDATE flows SET rate = NULL WHERE kind IN ('lossless', 'tcp')")
        await connection.execute(f"UPDATE flows SET rate = {FAST} WHERE kind IN ('udp', 'icmp')")
        await until_rows(
            connection,
            "SELECT status, reason FROM flow_state",
            lambda rows: rows == [("completed", None)] * 5,
        )

    result = on_rows(program, work)
    assert {flow["name"]: flow["bytes"] for flow in result["flows"]}["whole"] == 1_000_000


def test_events_come_and_go_while_a_network_runs(program: Program) -> None:
    async def work(connection: Sql) -> None:
        what = '{"link": ["a", "b"], "down": true, "duration": "1 h"}'
        event = await connection.fetchval("INSERT INTO events (at, what) VALUES (0, $1) RETURNING id", what)
        states = "SELECT event, status FROM event_state"
        await until_rows(connection, states, lambda rows: rows == [(event, "applied")])
        down = "SELECT count(*) FROM links WHERE NOT up"
        assert await connection.fetchval(down) == 1
        later = await connection.fetchval(
            "INSERT INTO events (at, what) VALUES (1e9, $1) RETURNING id", what.replace("b", "c")
        )
        await until_rows(
            connection, states, lambda rows: set(rows) == {(event, "applied"), (later, "pending")}
        )
        await connection.execute("UPDATE events SET at = 0 WHERE id = $1", later)
        await until_rows(
            connection, states, lambda rows: set(rows) == {(event, "applied"), (later, "applied")}
        )
        await connection.execute("DELETE FROM events WHERE id = $1", event)
        await until_rows(
            connection, states, lambda rows: set(rows) == {(event, "undone"), (later, "applied")}
        )
        assert await connection.fetchval(down) == 1

    result = on_rows(program, work)
    assert [event["status"] for event in result["events"]] == ["applied", "applied"]


# Each round is a transaction of its own, with an announcement for each of its updates.
FLOOD = """
CREATE PROCEDURE flood(seconds float, last_path int[], last_rate text, INOUT updates int)
LANGUAGE plpgsql AS $$
DECLARE
    until constant timestamptz := clock_timestamp() + make_interval(secs => seconds);
    paths constant text[] := '{"{1,2,5}","{1,3,5}","{1,4,5}"}';
BEGIN
    WHILE clock_timestamp() < until LOOP
        UPDATE routes SET weight = 1 + updates % 9, path = paths[1 + updates % 3]::int[] WHERE id = 1;
        FOR number IN 1..6 LOOP
            UPDATE links SET forward = jsonb_build_object('rate', 1000 + updates % 50 || ' Mbit/s')
            WHERE id = number;
        END LOOP;
        updates := updates + 7;
        COMMIT;
    END LOOP;
    UPDATE routes SET path = last_path WHERE id = 1;
    UPDATE links SET forward = jsonb_build_object('rate', last_rate);
END $$
"""


async def until_carried(connection: Sql, link: int, mbps: float) -> None:
    """Waits until a link has carried so much, from its first end on, in the last second of its samples."""
    await until_rows(
        connection,
        "SELECT 8e-6 * (max(bytes) - min(bytes)) / extract(epoch FROM max(time) - min(time))::float8 FROM"
        f" (SELECT * FROM link_metrics WHERE link = {link} AND node = 1 ORDER BY id DESC LIMIT 11) AS newest",
        lambda rows: rows[0][0] is not None and 0.9 * mbps < rows[0][0] < 1.1 * mbps,
    )


def test_of_a_flood_of_changes_the_last_one_stands(program: Program) -> None:
    async def work(connection: Sql) -> None:
        controller = int(program.run("status", "--json").document["pid"])
        flow = await add_flow(connection, "goes on", ", rate", ", 4000000")
        await connection.execute("DELETE FROM routes WHERE id = 2")
        await until_rows(connection, OF_FLOWS, lambda rows: rows == [(flow, 1)])
        await connection.execute(FLOOD)
        await connection.fetchval("CALL flood(3, '{1,3,5}', '2 Mbit/s', 0)")
        await until_carried(connection, 3, 2.0)
        installed = "SELECT status, reason, generation > $1 FROM route_state WHERE route = 1"
        # One that nobody takes waits as one change, and needs no more memory the longer it is.
        messages: int = await connection.fetchval("SELECT generation FROM route_state WHERE route = 1")
        memory = resident(controller)
        process = program.dataplane(1)
        os.kill(process, signal.SIGSTOP)
        try:
            updates: int = await connection.fetchval("CALL flood(5, '{1,4,5}', '1 Mbit/s', 0)")
            grown = resident(controller) - memory
        finally:
            os.kill(process, signal.SIGCONT)
        assert updates > 1000
        assert grown < 4 << 20
        await until_carried(connection, 5, 1.0)
        await until_rows(
            connection,
            installed.replace("$1", str(messages)),
            lambda rows: rows == [("installed", None, True)],
        )
        after: int = await connection.fetchval("SELECT generation FROM route_state WHERE route = 1")
        assert after - messages < 100

    result = on_rows(program, work)
    assert [link for link in result["link_stats"] if any(link["drops"].values())] == []
