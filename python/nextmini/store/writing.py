"""What is written to the database: many rows a statement, since each statement wakes every listener."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import fields
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from nextmini.scenario.network import Route
from nextmini.store.json_rows import COLUMNS, RECORDS
from nextmini.store.rows import EventState, FlowState, LinkMetric, LinkState, NodeState, RouteState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nextmini.scenario.network import Network
    from nextmini.store.connection import Connection
    from nextmini.store.rows import AlgorithmState, FlowMetric

State = NodeState | LinkState | RouteState | FlowState | EventState

_OF_A_RUN = (
    "nodes, links, routes, flows, flow_routes, events, classes, traces,"
    " node_state, link_state, route_state, flow_state, event_state, algorithm_state"
)
_NUMBERED = ("nodes", "links", "routes", "flows", "classes", "traces", "events")
_LOCK_SECONDS = 10


async def write_run(connection: Connection, schema: str, run: str, network: Network, scenario: str) -> None:
    """Replaces all that is desired, and forgets all that was confirmed, by a new run, in one transaction."""
    async with connection.transaction():
        # Emptying a table waits for those who read it; somebody may have left a transaction open.
        await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        await connection.execute(f"TRUNCATE {_OF_A_RUN} RESTART IDENTITY")
        await connection.execute(
            "INSERT INTO runs (id, seed, scenario) VALUES ($1, $2::text::numeric, $3)",
            run,
            str(network.seed),
            scenario,
        )
        for table in _NUMBERED:
            rows: Sequence[Any] = getattr(network, table)
            if rows:
                await _copy(connection, schema, table, rows)
                # The next row that somebody inserts without a number continues ours.
                await connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), $1)", max(row.id for row in rows)
                )


async def insert_routes(
    connection: Connection, paths: Sequence[tuple[Sequence[int], int]], origin: str
) -> list[Route]:
    """Adds a route for each (path, weight); returns them in the same order."""
    rows = await connection.fetch(
        "INSERT INTO routes (path, weight, origin)"
        " SELECT path::int[], weight, $3 FROM unnest($1::text[], $2::int[])"
        " WITH ORDINALITY AS given (path, weight, place) ORDER BY place"
        " RETURNING id, path, weight, origin",
        arrays(path for path, _ in paths),
        [weight for _, weight in paths],
        origin,
    )
    return _routes(rows)


async def update_routes(
    connection: Connection, moves: Sequence[tuple[int, Sequence[int], Sequence[int]]]
) -> list[Route]:
    """Gives computed routes (number, path before, path) other paths; returns those that were as before."""
    rows = await connection.fetch(
        "UPDATE routes SET path = moved.path::int[]"
        " FROM unnest($1::int[], $2::text[], $3::text[]) AS moved (id, before, path)"
        " WHERE routes.id = moved.id AND routes.path = moved.before::int[] AND origin = 'computed'"
        " RETURNING routes.id, routes.path, weight, origin",
        [id for id, _, _ in moves],
        arrays(before for _, before, _ in moves),
        arrays(path for _, _, path in moves),
    )
    return _routes(rows)


async def give_up_routes(connection: Connection, ids: Sequence[int]) -> None:
    """Takes computed routes for somebody else's."""
    await connection.execute(
        "UPDATE routes SET origin = 'scenario' WHERE id = ANY($1::int[]) AND origin = 'computed'", ids
    )


def arrays(paths: Iterable[Sequence[int]]) -> list[str]:
    """As texts: PostgreSQL has no arrays of arrays of different lengths."""
    return ["{" + ",".join(map(str, path)) + "}" for path in paths]


def _routes(rows: Iterable[Any]) -> list[Route]:
    return sorted((Route(id, tuple(path), weight, by) for id, path, weight, by in rows), key=attrgetter("id"))


async def upsert_states(connection: Connection, states: Iterable[State]) -> None:
    """Writes states, all in one transaction; of several about the same thing the last one counts.

    A state that repeats what is there changes nothing and wakes nobody.
    """
    batches: dict[type[State], dict[int, State]] = {}
    for state in states:
        batches.setdefault(type(state), {})[attrgetter(_KEYS[type(state)])(state)] = state
    # One statement is a transaction by itself, and saves two ways to the server and back.
    together = connection.transaction() if len(batches) > 1 else nullcontext()
    async with together:
        for kind, batch in batches.items():
            # In one order everywhere, so that two writers cannot wait for each other.
            rows = [batch[key] for key in sorted(batch)]
            await connection.execute(
                _UPSERTS[kind], *([getattr(row, field.name) for row in rows] for field in fields(kind))
            )


async def delete_states(connection: Connection, kind: type[State], ids: Sequence[int]) -> None:
    """Forgets the states of things that are no more."""
    key = _KEYS[kind]
    await connection.execute(f"DELETE FROM {key}_state WHERE {key} = ANY($1::int[])", ids)  # noqa: S608 - our names


async def upsert_algorithm(connection: Connection, state: AlgorithmState) -> None:
    """Notes what became of an algorithm; what is counted of its decisions stays as it is."""
    await connection.execute(
        "INSERT INTO algorithm_state (name, algorithm, status, restarts, reason)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO UPDATE SET algorithm = excluded.algorithm,"
        " status = excluded.status, restarts = excluded.restarts, reason = excluded.reason",
        *(state.name, state.algorithm, state.status, state.restarts, state.reason),
    )


async def copy_link_metrics(connection: Connection, schema: str, rows: Sequence[LinkMetric]) -> None:
    """Appends samples."""
    records = [
        (
            *(r.run, r.time, r.link, r.node, r.bytes, r.packets, json.dumps(_seen(r.drops)), r.queue),
            *(r.entered, r.marked, r.duplicated, r.datagrams, r.oversized, r.rtt_us, r.most_bps),
        )
        for r in rows
    ]
    columns = [field.name for field in fields(LinkMetric)]
    await connection.copy_records_to_table(
        "link_metrics", schema_name=schema, columns=columns, records=records
    )


async def copy_flow_metrics(connection: Connection, schema: str, rows: Sequence[FlowMetric]) -> None:
    """Appends samples."""
    await _copy(connection, schema, "flow_metrics", rows)


async def delete_old_metrics(connection: Connection, seconds: float) -> None:
    """Removes samples older than `seconds`, of any run."""
    age = timedelta(seconds=seconds)
    async with connection.transaction():
        await connection.execute("DELETE FROM link_metrics WHERE time < now() - $1::interval", age)
        await connection.execute("DELETE FROM flow_metrics WHERE time < now() - $1::interval", age)


async def end_run(connection: Connection, run: str, status: str, result: str) -> bool:
    """Writes down how a run ended; False if there is no such run."""
    done = await connection.execute(
        "UPDATE runs SET ended = now(), status = $2, result = $3::text::jsonb WHERE id = $1",
        run,
        status,
        result,
    )
    return done == "UPDATE 1"


async def _copy(connection: Connection, schema: str, table: str, rows: Sequence[Any]) -> None:
    if rows:
        columns = list(COLUMNS.get(table) or [field.name for field in fields(rows[0])])
        records = map(RECORDS.get(table) or attrgetter(*columns), rows)
        await connection.copy_records_to_table(table, schema_name=schema, columns=columns, records=records)


def _seen(drops: Mapping[str, int]) -> dict[str, int]:
    return {cause: packets for cause, packets in drops.items() if packets}


def _upsert(table: str, kind: type[State], types: str) -> str:
    names = [field.name for field in fields(kind)]
    arrays = ", ".join(f"${place}::{type}[]" for place, type in enumerate(types.split(), 1))
    updates = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    old, new = (", ".join(f"{row}.{name}" for name in names[1:]) for row in (table, "excluded"))
    insert = f"INSERT INTO {table} ({', '.join(names)}) SELECT * FROM unnest({arrays})"  # noqa: S608 - our names
    return f"{insert} ON CONFLICT ({names[0]}) DO UPDATE SET {updates} WHERE ({old}) IS DISTINCT FROM ({new})"


_KEYS: dict[type[State], str] = {
    NodeState: "node",
    LinkState: "link",
    RouteState: "route",
    FlowState: "flow",
    EventState: "event",
}
_UPSERTS: dict[type[State], str] = {
    NodeState: _upsert("node_state", NodeState, "int int bigint text text"),
    LinkState: _upsert("link_state", LinkState, "int bigint text text"),
    RouteState: _upsert("route_state", RouteState, "int bigint text text"),
    FlowState: _upsert(
        "flow_state",
        FlowState,
        "int bigint text bigint float8 bigint bigint text text int text bigint bigint float8",
    ),
    EventState: _upsert("event_state", EventState, "int text float8 float8 bigint text"),
}
