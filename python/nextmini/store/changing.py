"""Changes that somebody makes to what is desired: one transaction each, and one announcement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nextmini.errors import DatabaseError
from nextmini.scenario.changing import direction_of
from nextmini.scenario.direction import merged
from nextmini.scenario.network import Route
from nextmini.store import json_rows
from nextmini.store.reading import read_flows, read_links

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nextmini.scenario.network import Flow, Link
    from nextmini.store.connection import Connection
    from nextmini.store.rows import LinkUpdate

_LINK_NAMES = (
    "SELECT l.id, a.name, b.name FROM links l JOIN nodes a ON a.id = l.a JOIN nodes b ON b.id = l.b"
    " WHERE l.id = ANY($1::int[])"
)


_LOCKED_LINKS = (
    "SELECT id, mtu, up, forward, backward FROM links WHERE id = ANY($1::int[]) ORDER BY id FOR UPDATE"
)
_FLOW_COLUMNS = ", ".join(json_rows.COLUMNS["flows"][1:])
_INSERT_FLOWS = (
    f"INSERT INTO flows ({_FLOW_COLUMNS})"  # noqa: S608 - our names
    f" SELECT {_FLOW_COLUMNS.replace('arrival', 'arrival::jsonb')}"
    " FROM unnest($1::text[], $2::int[], $3::int[], $4::text[], $5::text[], $6::bigint[], $7::float8[],"
    " $8::bigint[], $9::int[], $10::float8[], $11::int[], $12::text[], $13::bool[], $14::text[],"
    " $15::text[])"
    f" WITH ORDINALITY AS given ({_FLOW_COLUMNS}, place) ORDER BY place RETURNING id"
)


async def update_links(connection: Connection, updates: Sequence[LinkUpdate]) -> list[tuple[Link, Link]]:
    """Changes links; returns each as it was and as it is, in the order of `updates`.

    Of several updates of one link the later ones come on top. Raises DatabaseError if there is no such link,
    ScenarioError if one cannot be as it is asked to be; then nothing is changed.
    """
    ids = sorted({update.link for update in updates})
    async with connection.transaction():
        rows = await connection.fetch(_LOCKED_LINKS, ids)
        found = {row[0]: list(row) for row in rows}
        missing = [id for id in ids if id not in found]
        if missing:
            raise DatabaseError(f"there is no link {missing[0]}")
        before = await read_links(connection, ids)
        names = {id: f"link {a} - {b}" for id, a, b in await connection.fetch(_LINK_NAMES, ids)}
        for update in updates:
            _change(found[update.link], update, names[update.link])
        await connection.execute(
            "UPDATE links SET up = new.up, forward = new.forward::jsonb, backward = new.backward::jsonb"
            " FROM unnest($1::int[], $2::bool[], $3::text[], $4::text[]) AS new (id, up, forward, backward)"
            " WHERE links.id = new.id",
            ids,
            *([found[id][place] for id in ids] for place in (2, 3, 4)),
        )
        after = await read_links(connection, ids)
    return [(before[update.link], after[update.link]) for update in updates]


def _change(row: list[Any], update: LinkUpdate, where: str) -> None:
    """Changes a row (id, mtu, up, forward, backward)."""
    if update.up is not None:
        row[2] = update.up
    for place, key, said in ((3, "forward", update.forward), (4, "backward", update.backward)):
        if said is not None:
            row[place] = _merged(row[place], said, row[1], f"{where}: {key}")


def _merged(text: str, said: Mapping[str, Any], mtu: int, where: str) -> str:
    known = json.loads(text)
    texts = merged(known if isinstance(known, dict) else {}, said)
    return json.dumps(direction_of(texts, mtu, where).texts())


async def update_route(
    connection: Connection, id: int, path: Sequence[int] | None, weight: int | None
) -> Route:
    """Changes a route, which nobody else moves from then on. Raises DatabaseError if there is none."""
    row = await connection.fetchrow(
        "UPDATE routes SET path = coalesce($2, path), weight = coalesce($3, weight), origin = 'live'"
        " WHERE id = $1 RETURNING id, path, weight, origin",
        id,
        path,
        weight,
    )
    if row is None:
        raise DatabaseError(f"there is no route {id}")
    return Route(row[0], tuple(row[1]), row[2], row[3])


async def delete_routes(connection: Connection, ids: Iterable[int]) -> None:
    """Takes routes away, with the pins to them."""
    await connection.execute("DELETE FROM routes WHERE id = ANY($1::int[])", list(ids))


async def pin_flow(connection: Connection, flow: int, route: int | None) -> None:
    """Writes a flow's pin, or takes it away."""
    if route is None:
        await connection.execute("DELETE FROM flow_routes WHERE flow = $1", flow)
    else:
        await connection.execute(
            "INSERT INTO flow_routes (flow, route) VALUES ($1, $2)"
            " ON CONFLICT (flow) DO UPDATE SET route = excluded.route",
            flow,
            route,
        )


async def update_nodes_up(connection: Connection, ids: Sequence[int], up: bool) -> None:
    """Says of nodes whether they work. Those that are so already are not announced."""
    await connection.execute("UPDATE nodes SET up = $2 WHERE id = ANY($1::int[]) AND up <> $2", ids, up)


async def insert_flows(connection: Connection, flows: Sequence[Flow]) -> list[Flow]:
    """Adds flows, whatever their numbers are; returns them with those that they got, in the same order."""
    if not flows:
        return []
    records = zip(*(json_rows.flow_columns(flow)[1:] for flow in flows), strict=True)
    async with connection.transaction():
        rows = await connection.fetch(_INSERT_FLOWS, *map(list, records))
        found = await read_flows(connection, [row[0] for row in rows])
    return [found[id] for id in sorted(found)]


async def delete_flows(connection: Connection, ids: Iterable[int]) -> None:
    """Takes flows away."""
    await connection.execute("DELETE FROM flows WHERE id = ANY($1::int[])", list(ids))
