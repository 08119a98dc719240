"""What somebody has decided, written as one transaction.

Rows that were removed meanwhile are left out: what is in the database then is what it would be if they had
been removed a moment later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from nextmini.scenario.network import Flow, usual_payload
from nextmini.store.changing import delete_flows, insert_flows, update_links
from nextmini.store.rows import LinkUpdate
from nextmini.store.writing import arrays, insert_routes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from nextmini.store.connection import Connection

V = TypeVar("V")

_USUAL_MTU = 1500


class DecidedRoute(Protocol):
    """A route to be added."""

    @property
    def path(self) -> tuple[int, ...]: ...
    @property
    def weight(self) -> int: ...


class DecidedFlow(Protocol):
    """A flow to be added."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> int: ...
    @property
    def destination(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def size(self) -> int | None: ...
    @property
    def duration(self) -> float | None: ...
    @property
    def rate(self) -> int | None: ...
    @property
    def weight(self) -> int: ...


class DecidedLink(Protocol):
    """What is to change of a link, as in LinkUpdate."""

    @property
    def up(self) -> bool | None: ...
    @property
    def forward(self) -> Mapping[str, Any]: ...
    @property
    def backward(self) -> Mapping[str, Any]: ...


class Decided(Protocol):
    """The changes, each by the number of its row; new rows have numbers below zero."""

    @property
    def new_routes(self) -> Mapping[int, DecidedRoute]: ...
    @property
    def paths(self) -> Mapping[int, tuple[int, ...]]: ...
    @property
    def route_weights(self) -> Mapping[int, int]: ...
    @property
    def removed_routes(self) -> Collection[int]: ...
    @property
    def pins(self) -> Mapping[int, int | None]: ...
    @property
    def rates(self) -> Mapping[int, int | None]: ...
    @property
    def flow_weights(self) -> Mapping[int, int]: ...
    @property
    def costs(self) -> Mapping[int, float]: ...
    @property
    def links(self) -> Mapping[int, DecidedLink]: ...
    @property
    def new_flows(self) -> Mapping[int, DecidedFlow]: ...
    @property
    def removed_flows(self) -> Collection[int]: ...


async def write_decision(
    connection: Connection, decided: Decided, origin: str
) -> tuple[dict[int, int], dict[int, int]]:
    """Writes all of it, in a transaction that somebody else has begun.

    Returns the numbers of new routes and flows, by those below zero. `origin` is that of routes that are new
    or have another path now.
    """
    # In the order of write_run's tables, and each in that of its numbers, so that two writers cannot wait for
    # each other.
    await _change_links(connection, decided)
    routes = await _change_routes(connection, decided, origin)
    flows = await _change_flows(connection, decided)
    await _change_pins(connection, decided, routes, flows)
    return routes, flows


async def is_written(
    connection: Connection, decided: Decided, numbers: tuple[Mapping[int, int], Mapping[int, int]]
) -> bool:
    """Whether new rows of a decision are there under these numbers: then all of it was written.

    One without new rows comes to the same however often it is written.
    """
    routes, flows = numbers
    paths = await connection.fetch(
        "SELECT id, path FROM routes WHERE id = ANY($1::int[])", list(routes.values())
    )
    names = await connection.fetch(
        "SELECT id, name FROM flows WHERE id = ANY($1::int[])", list(flows.values())
    )
    asked = {(number, decided.new_routes[old].path) for old, number in routes.items()}
    begun = {(number, decided.new_flows[old].name) for old, number in flows.items()}
    return bool(asked & {(row[0], tuple(row[1])) for row in paths} or begun & {(*row,) for row in names})


async def _change_links(connection: Connection, decided: Decided) -> None:
    await _update(connection, "links", "cost", "float8", decided.costs)
    if decided.links:
        known = await _known(connection, "links", decided.links)
        updates = [
            LinkUpdate(id, link.up, link.forward or None, link.backward or None)
            for id, link in sorted(decided.links.items())
            if id in known
        ]
        if updates:
            await update_links(connection, updates)


async def _change_routes(connection: Connection, decided: Decided, origin: str) -> dict[int, int]:
    if decided.removed_routes:
        await connection.execute("DELETE FROM routes WHERE id = ANY($1::int[])", list(decided.removed_routes))
    if decided.paths:
        await connection.execute(
            "UPDATE routes SET path = new.path::int[], origin = $3"
            " FROM unnest($1::int[], $2::text[]) AS new (id, path) WHERE routes.id = new.id",
            list(decided.paths),
            arrays(decided.paths.values()),
            origin,
        )
    await _update(connection, "routes", "weight", "int", decided.route_weights)
    if not decided.new_routes:
        return {}
    new = list(decided.new_routes.items())
    made = await insert_routes(connection, [(route.path, route.weight) for _, route in new], origin)
    return {old: route.id for (old, _), route in zip(new, made, strict=True)}


async def _change_flows(connection: Connection, decided: Decided) -> dict[int, int]:
    if decided.removed_flows:
        await delete_flows(connection, decided.removed_flows)
    await _update(connection, "flows", "rate", "bigint", decided.rates)
    await _update(connection, "flows", "weight", "int", decided.flow_weights)
    if not decided.new_flows:
        return {}
    ends = {end for flow in decided.new_flows.values() for end in (flow.source, flow.destination)}
    nodes = await _known(connection, "nodes", ends)
    mtu: int = await connection.fetchval("SELECT coalesce(min(mtu), $1) FROM links", _USUAL_MTU)
    new = [
        (old, _flow(flow, mtu))
        for old, flow in decided.new_flows.items()
        if {flow.source, flow.destination} <= nodes
    ]
    made = await insert_flows(connection, [flow for _, flow in new])
    return {old: flow.id for (old, _), flow in zip(new, made, strict=True)}


async def _change_pins(
    connection: Connection, decided: Decided, routes: Mapping[int, int], flows: Mapping[int, int]
) -> None:
    freed = [flow for flow, route in decided.pins.items() if route is None and flow > 0]
    if freed:
        await connection.execute("DELETE FROM flow_routes WHERE flow = ANY($1::int[])", freed)
    pins = sorted(
        (flows.get(flow, flow), routes.get(route, route))
        for flow, route in decided.pins.items()
        if route is not None
    )
    if pins:
        await connection.execute(
            "INSERT INTO flow_routes (flow, route) SELECT flows.id, routes.id"
            " FROM unnest($1::int[], $2::int[]) AS pin (flow, route)"
            " JOIN flows ON flows.id = pin.flow JOIN routes ON routes.id = pin.route"
            " FOR KEY SHARE OF flows, routes"
            " ON CONFLICT (flow) DO UPDATE SET route = excluded.route"
            " WHERE flow_routes.route <> excluded.route",
            [flow for flow, _ in pins],
            [route for _, route in pins],
        )


async def _update(
    connection: Connection, table: str, column: str, type: str, values: Mapping[int, V]
) -> None:
    own = {id: value for id, value in values.items() if id > 0}
    if own:
        ids = sorted(own)
        await connection.execute(
            f"UPDATE {table} SET {column} = new.value"  # noqa: S608 - our names
            f" FROM unnest($1::int[], $2::{type}[]) AS new (id, value)"
            f" WHERE {table}.id = new.id AND {table}.{column} IS DISTINCT FROM new.value",
            ids,
            [own[id] for id in ids],
        )


async def _known(connection: Connection, table: str, ids: Iterable[int]) -> set[int]:
    """Those that are there, and stay until the transaction ends."""
    query = f"SELECT id FROM {table} WHERE id = ANY($1::int[]) ORDER BY id FOR KEY SHARE"  # noqa: S608 - our names
    return {row[0] for row in await connection.fetch(query, list(ids))}


def _flow(flow: DecidedFlow, mtu: int) -> Flow:
    return Flow(
        id=0,
        name=flow.name,
        source=flow.source,
        destination=flow.destination,
        kind=flow.kind,
        mode="normal",
        size=flow.size,
        duration=flow.duration,
        rate=flow.rate,
        weight=flow.weight,
        start=0.0,
        packet_size=usual_payload(flow.kind, mtu),
    )
