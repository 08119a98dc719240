"""Brings an experiment's schema up to date with the numbered files in migrations/.

Each file runs once, all of them in one transaction under an advisory lock; the table schema_version says
which have run. A file that has been released is never changed: what is new goes into the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from nextmini.errors import DatabaseError
from nextmini.store.connection import OLDEST_SERVER, database_errors

if TYPE_CHECKING:
    from nextmini.store.connection import Connection
    from nextmini.store.naming import Naming


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `0002_actual.sql` has the number 2 and the name "actual"."""

    number: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """All of them, in order. They are numbered from 1 without a gap."""
    files = (file for file in resources.files("nextmini.store").joinpath("migrations").iterdir())
    found = []
    for file in sorted((file for file in files if file.name.endswith(".sql")), key=lambda file: file.name):
        number, _, name = file.name.removesuffix(".sql").partition("_")
        found.append(Migration(int(number), name, file.read_text(encoding="utf-8")))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations are not numbered 1, 2, ...: {[m.number for m in found]}")
    return found


async def migrate(connection: Connection, naming: Naming) -> None:
    """Makes the schema if needed and runs what it lacks. `connection` has the schema in its search_path.

    Raises DatabaseError: the server is too old, the schema is newer than this program, is not allowed, or
    holds somebody else's tables.
    """
    server = connection.get_server_version()
    if server.major < OLDEST_SERVER:
        raise DatabaseError(
            f"this PostgreSQL server has version {server.major}",
            f"use one of version {OLDEST_SERVER} or newer",
        )
    with database_errors(f"the schema {naming.quoted} cannot be made or brought up to date"):
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", naming.lock("migration"))
            await _run_missing(connection, naming)


async def _run_missing(connection: Connection, naming: Naming) -> None:
    # Not CREATE SCHEMA IF NOT EXISTS, which asks for a right that is needed only to create one.
    if not await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", naming.schema
    ):
        await connection.execute(f"CREATE SCHEMA {naming.quoted}")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_version ("
        "number int PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
    )
    known = migrations()
    version: int = await connection.fetchval("SELECT coalesce(max(number), 0) FROM schema_version")
    if version > len(known):
        raise DatabaseError(
            f"the schema {naming.quoted} was made by a newer Nextmini (version {version}, here {len(known)})",
            f"use that one, rename the experiment, or drop it: DROP SCHEMA {naming.quoted} CASCADE",
        )
    for migration in known[version:]:
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_version (number, name) VALUES ($1, $2)", migration.number, migration.name
        )
