"""Nodes and links that somebody adds or takes away: one transaction each, and one announcement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from nextmini.errors import DatabaseError
from nextmini.store import json_rows
from nextmini.store.reading import read_links, read_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nextmini.scenario.network import Link, Node
    from nextmini.store.connection import Connection

_NODE_COLUMNS = json_rows.COLUMNS["nodes"][1:]
_TEXTS = {"address": "::text::inet", "address6": "::text::inet", "socks": "::text::jsonb"}
_PLACES = ", ".join(f"${place}{_TEXTS.get(name, '')}" for place, name in enumerate(_NODE_COLUMNS, 1))
_INSERT_NODE = f"INSERT INTO nodes ({', '.join(_NODE_COLUMNS)}) VALUES ({_PLACES}) RETURNING id"  # noqa: S608
_LINK_COLUMNS = json_rows.COLUMNS["links"][1:]
_INSERT_LINK = (
    f"INSERT INTO links ({', '.join(_LINK_COLUMNS)})"  # noqa: S608 - our names
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9::text::jsonb, $10) RETURNING id"
)


async def insert_node(connection: Connection, node: Node) -> Node:
    """Adds a node, whatever its number is; returns it with the one that it got.

    Raises DatabaseError if its name or an address is another node's.
    """
    try:
        id = await connection.fetchval(_INSERT_NODE, *json_rows.node_columns(node)[1:])
    except asyncpg.UniqueViolationError as error:
        raise DatabaseError(f"there can be no such node: {error.detail or error}") from error
    return (await read_nodes(connection, [id]))[id]


async def insert_link(connection: Connection, link: Link) -> Link:
    """Adds a link, whatever its number is; returns it with the one that it got.

    Raises DatabaseError if its nodes are joined already, or are not there.
    """
    try:
        id = await connection.fetchval(_INSERT_LINK, *json_rows.link_columns(link)[1:])
    except (asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError) as error:
        raise DatabaseError(f"there can be no such link: {error.detail or error}") from error
    return (await read_links(connection, [id]))[id]


async def delete_nodes(connection: Connection, ids: Iterable[int]) -> None:
    """Takes nodes away, with their links, and the routes and flows that need them."""
    ids = list(ids)
    async with connection.transaction():
        await connection.execute("DELETE FROM routes WHERE path && $1::int[]", ids)
        await connection.execute("DELETE FROM nodes WHERE id = ANY($1::int[])", ids)


async def delete_links(connection: Connection, ids: Iterable[int]) -> None:
    """Takes links away, and routes that were computed over them: pairs that need one ask for another."""
    ids = list(ids)
    async with connection.transaction():
        await connection.execute(_DELETE_ROUTES_OVER, ids)
        await connection.execute("DELETE FROM links WHERE id = ANY($1::int[])", ids)


_DELETE_ROUTES_OVER = """
DELETE FROM routes USING links
WHERE origin = 'computed' AND links.id = ANY($1::int[])
  AND abs(array_position(path, links.a) - array_position(path, links.b)) = 1
"""
