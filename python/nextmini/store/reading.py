"""What is read from the database. Each function is one snapshot: it never sees half of a transaction."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from nextmini.scenario.network import Class, Route
from nextmini.store import json_rows
from nextmini.store.rows import (
    Actual,
    AlgorithmState,
    Desired,
    EventState,
    FlowMetric,
    FlowState,
    LinkMetric,
    LinkState,
    Marks,
    News,
    NodeState,
    RouteState,
    Run,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable, Mapping

    from nextmini.scenario.network import Flow, Link, Node
    from nextmini.store.connection import Connection
    from nextmini.store.rows import Change

T = TypeVar("T")

SLICE_ROWS = 10_000
"""Samples that are read at a time: all of them may be more than memory holds."""

_NODES = (
    "SELECT id, name, host(address), processors, mapping, hop_limit, process, up, host(address6),"
    " socks, transparent, transparent_ports FROM nodes"
)
_LINKS = "SELECT id, a, b, transport, cost, congestion, mtu, up, forward, backward, datagrams FROM links"
_ROUTES = "SELECT id, path, weight, origin FROM routes"
_FLOWS = (
    "SELECT id, name, source, destination, kind, mode, size, duration, rate, weight, start,"
    " packet_size, arrival, ecn, congestion, family FROM flows"
)
_PINS = "SELECT flow, route FROM flow_routes"
_CLASSES = "SELECT id, source, destination, protocol, port, rate, weight FROM classes"
_TRACES = 'SELECT id, name, kind, period, times, "values" FROM traces'
_EVENTS = "SELECT id, at, what FROM events"

_NODE_STATES = "SELECT node, process, generation, status, reason FROM node_state"
_LINK_STATES = "SELECT link, generation, status, reason FROM link_state"
_ROUTE_STATES = "SELECT route, generation, status, reason FROM route_state"
_FLOW_STATES = (
    "SELECT flow, generation, status, bytes, seconds, retransmitted, reordered,"
    " checksum_source, checksum_sink, route, reason, sent, received, delay_ms FROM flow_state"
)
_EVENT_STATES = "SELECT event, status, applied, applied_after_ms, packets_affected, reason FROM event_state"
_STATE_TABLES = ("node_state", "link_state", "route_state", "flow_state", "event_state")

_LINK_COLUMNS = (
    "run, time, link, node, bytes, packets, drops, queue, entered, marked, duplicated, datagrams, oversized,"
    " rtt_us, most_bps"
)
_LINK_METRICS = (
    f"SELECT {_LINK_COLUMNS} FROM link_metrics"  # noqa: S608 - our names
    " WHERE run = $1 ORDER BY time, link, node"
)
_LAST_LINK_METRICS = (
    f"SELECT DISTINCT ON (link, node) {_LINK_COLUMNS} FROM link_metrics"  # noqa: S608 - our names
    " WHERE run = $1 ORDER BY link, node, time DESC"
)
_FLOW_COLUMNS = 'run, time, flow, bytes, acknowledged, retransmitted, srtt_us, "window", timeouts, cwnd'
_FLOW_METRICS = (
    f"SELECT {_FLOW_COLUMNS} FROM flow_metrics"  # noqa: S608 - our names
    " WHERE run = $1 ORDER BY time, flow"
)
_LAST_FLOW_METRICS = (
    f"SELECT DISTINCT ON (flow) {_FLOW_COLUMNS} FROM flow_metrics"  # noqa: S608 - our names
    " WHERE run = $1 ORDER BY flow, time DESC"
)
_NEW_LINK_METRICS = (
    f"SELECT id, {_LINK_COLUMNS} FROM link_metrics"  # noqa: S608 - our names
    " WHERE id > $1 AND run = $2 ORDER BY id"
)
_NEW_FLOW_METRICS = (
    f"SELECT id, {_FLOW_COLUMNS} FROM flow_metrics"  # noqa: S608 - our names
    " WHERE id > $1 AND run = $2 ORDER BY id"
)
_ALGORITHMS = (
    "SELECT name, algorithm, status, restarts, decisions, last_ms, reason FROM algorithm_state ORDER BY name"
)
_NEWEST_RUN = "SELECT id, status FROM runs ORDER BY started DESC, id LIMIT 1"
_RUNS = "SELECT id, started, ended, status, seed::text, scenario, result FROM runs ORDER BY started DESC, id"


async def read_desired(connection: Connection) -> Desired:
    """All that is desired."""
    async with _snapshot(connection, _DESIRED):
        return Desired(**{field: await _table(connection, field) for field in _DESIRED.values()})


async def reread(connection: Connection, desired: Desired, changes: Iterable[Change]) -> Desired:
    """What `desired` has become, reading no more than `changes` name; rows that are gone are gone from it."""
    stale = _stale_rows(changes)
    if not stale:
        return desired
    renewed: dict[str, Mapping[int, Any]] = {}
    async with _snapshot(connection, [table for table, field in _DESIRED.items() if field in stale]):
        for field, ids in stale.items():
            if ids is None:
                renewed[field] = await _table(connection, field)
            else:
                kept = {id: row for id, row in getattr(desired, field).items() if id not in ids}
                renewed[field] = kept | await _table(connection, field, ids)
    return replace(desired, **renewed)


async def read_actual(connection: Connection) -> Actual:
    """All that is confirmed."""
    async with _snapshot(connection, list(_STATE_TABLES)):
        return Actual(
            nodes={row[0]: NodeState(*row) for row in await connection.fetch(_NODE_STATES)},
            links={row[0]: LinkState(*row) for row in await connection.fetch(_LINK_STATES)},
            routes={row[0]: RouteState(*row) for row in await connection.fetch(_ROUTE_STATES)},
            flows={row[0]: FlowState(*row) for row in await connection.fetch(_FLOW_STATES)},
            events={row[0]: EventState(*row) for row in await connection.fetch(_EVENT_STATES)},
        )


@asynccontextmanager
async def _snapshot(connection: Connection, tables: Iterable[str]) -> AsyncIterator[None]:
    """A transaction that sees one moment of these tables, which are named in the order of `write_run`."""
    tables = list(tables)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        if not tables:
            yield
            return
        # TRUNCATE empties a table for older snapshots too. Locked first, nobody empties one under us, and the
        # snapshot, which the first query takes, is newer than whoever has just done so.
        await connection.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS SHARE MODE")
        yield


def link_metric_slices(connection: Connection, run: str) -> AsyncGenerator[list[LinkMetric], None]:
    """All samples of a run, oldest first, `SLICE_ROWS` at a time."""
    return _slices(connection, _LINK_METRICS, run, _link_metric)


def flow_metric_slices(connection: Connection, run: str) -> AsyncGenerator[list[FlowMetric], None]:
    """All samples of a run, oldest first, `SLICE_ROWS` at a time."""
    return _slices(connection, _FLOW_METRICS, run, FlowMetric)


async def _slices(
    connection: Connection, query: str, run: str, make: Callable[..., T]
) -> AsyncGenerator[list[T], None]:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        cursor = await connection.cursor(query, run)
        while rows := await cursor.fetch(SLICE_ROWS):
            yield [make(*row) for row in rows]


async def read_runs(connection: Connection) -> list[Run]:
    """All runs of the experiment, newest first."""
    return [_run(*row) for row in await connection.fetch(_RUNS)]


async def read_news(
    connection: Connection, changes: Collection[Change], marks: Marks, run: str | None
) -> News:
    """What has changed, reading no more than `changes` name, and the samples of a run after `marks`."""
    tables = {change.table for change in changes}
    everything = "*" in tables
    rows = {table: ids for table, ids in ids_of(changes).items() if table in _ROWS}
    desired: dict[str, Mapping[int, Any]] = {}
    actual: dict[str, Mapping[int, Any]] = {}
    links: list[tuple[int, LinkMetric]] = []
    flows: list[tuple[int, FlowMetric]] = []
    newest: tuple[str, str] | None = None
    async with _snapshot(connection, [table for table in _ROWS if table in rows]):
        for table, ids in rows.items():
            if table in _STATES:
                actual[_STATES[table][0]] = await _states(connection, table, ids)
            else:
                desired[_DESIRED[table]] = await _table(connection, _DESIRED[table], ids)
        if run is not None and (everything or "link_metrics" in tables):
            found = await connection.fetch(_NEW_LINK_METRICS, marks.link, run)
            links = [(id, _link_metric(*row)) for id, *row in found]
        if run is not None and (everything or "flow_metrics" in tables):
            found = await connection.fetch(_NEW_FLOW_METRICS, marks.flow, run)
            flows = [(id, FlowMetric(*row)) for id, *row in found]
        if everything or "runs" in tables:
            row = await connection.fetchrow(_NEWEST_RUN)
            newest = None if row is None else (row[0], row[1])
    return News(
        desired=Desired(**desired),
        actual=Actual(**actual),
        looked_at=rows,
        link_metrics=[metric for _, metric in links],
        flow_metrics=[metric for _, metric in flows],
        marks=Marks(
            max((id for id, _ in links), default=marks.link), max((id for id, _ in flows), default=marks.flow)
        ),
        newest_run=newest,
    )


async def read_totals(connection: Connection, run: str) -> tuple[list[LinkMetric], list[FlowMetric], Marks]:
    """The newest samples of everything in a run, and up to where these were read."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        marks = Marks(
            await connection.fetchval("SELECT coalesce(max(id), 0) FROM link_metrics"),
            await connection.fetchval("SELECT coalesce(max(id), 0) FROM flow_metrics"),
        )
        links = [_link_metric(*row) for row in await connection.fetch(_LAST_LINK_METRICS, run)]
        flows = [FlowMetric(*row) for row in await connection.fetch(_LAST_FLOW_METRICS, run)]
    return links, flows, marks


async def read_algorithms(connection: Connection) -> list[AlgorithmState]:
    """What is known of all algorithms, by name."""
    return [AlgorithmState(*row) for row in await connection.fetch(_ALGORITHMS)]


def ids_of(changes: Iterable[Change]) -> dict[str, frozenset[int] | None]:
    """Which rows of which table are to be read again; None stands for all of them."""
    found: dict[str, frozenset[int] | None] = {}
    for change in changes:
        if change.table == "*":
            return dict.fromkeys(_ROWS)
        before = found.setdefault(change.table, frozenset())
        found[change.table] = None if before is None or change.ids is None else before | change.ids
    return found


async def _states(
    connection: Connection, table: str, ids: Iterable[int] | None
) -> dict[int, NodeState | LinkState | RouteState | FlowState]:
    _, query, key, make = _STATES[table]
    if ids is None:
        rows = await connection.fetch(query)
    else:
        rows = await connection.fetch(f"{query} WHERE {key} = ANY($1::int[])", list(ids))
    return {row[0]: make(*row) for row in rows}


def _run(*row: Any) -> Run:
    id, started, ended, status, seed, scenario, result = row
    return Run(id, started, ended, status, int(seed), scenario, result)


def _route(id: int, path: list[int], weight: int, origin: str) -> Route:
    return Route(id, tuple(path), weight, origin)


def _link_metric(*row: Any) -> LinkMetric:
    run, time, link, node, sent, packets, drops, *rest = row
    return LinkMetric(run, time, link, node, sent, packets, Counter(json.loads(drops)), *rest)


# Field of Desired -> its query, the column that numbers its rows, and what makes a value of a row.
_FIELDS: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "nodes": (_NODES, "id", json_rows.node),
    "links": (_LINKS, "id", json_rows.link),
    "routes": (_ROUTES, "id", _route),
    "flows": (_FLOWS, "id", json_rows.flow),
    "pins": (_PINS, "flow", lambda _flow, route: route),
    "classes": (_CLASSES, "id", Class),
    "traces": (_TRACES, "id", json_rows.trace),
    "events": (_EVENTS, "id", json_rows.event),
}
# Table -> field of Desired.
_DESIRED = {"flow_routes" if field == "pins" else field: field for field in _FIELDS}
# Table -> field of Actual, its query, the column that numbers its rows, and what makes a value of a row.
_STATES: dict[str, tuple[str, str, str, Callable[..., Any]]] = {
    "node_state": ("nodes", _NODE_STATES, "node", NodeState),
    "link_state": ("links", _LINK_STATES, "link", LinkState),
    "route_state": ("routes", _ROUTE_STATES, "route", RouteState),
    "flow_state": ("flows", _FLOW_STATES, "flow", FlowState),
}
# What News is made of, in the order of `write_run`.
_ROWS = ("nodes", "links", "routes", "flows", "flow_routes", *_STATES)


async def read_nodes(connection: Connection, ids: Iterable[int]) -> dict[int, Node]:
    """These nodes."""
    return await _table(connection, "nodes", ids)


async def read_links(connection: Connection, ids: Iterable[int]) -> dict[int, Link]:
    """These links."""
    return await _table(connection, "links", ids)


async def read_flows(connection: Connection, ids: Iterable[int]) -> dict[int, Flow]:
    """These flows."""
    return await _table(connection, "flows", ids)


async def _table(connection: Connection, field: str, ids: Iterable[int] | None = None) -> dict[int, Any]:
    query, key, make = _FIELDS[field]
    if ids is None:
        rows = await connection.fetch(query)
    else:
        rows = await connection.fetch(f"{query} WHERE {key} = ANY($1::int[])", list(ids))
    return {row[0]: make(*row) for row in rows}


def _stale_rows(changes: Iterable[Change]) -> dict[str, set[int] | None]:
    """Which rows of which field of Desired to read again; None stands for all of them."""
    stale: dict[str, set[int] | None] = {}
    for change in changes:
        if change.table == "*":
            return dict.fromkeys(_FIELDS)
        field = _DESIRED.get(change.table)
        if field is None:  # a table that Desired does not show
            continue
        known = stale.setdefault(field, set())
        stale[field] = None if known is None or change.ids is None else known | change.ids
    return stale
