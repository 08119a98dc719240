"""What an algorithm's process reads and writes, and what is noted of algorithms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import asyncpg

from nextmini.errors import RefusedError
from nextmini.store import reading
from nextmini.store.claim import close_connection
from nextmini.store.connection import connect, database_errors, redacted, server_settings
from nextmini.store.decided import is_written, write_decision
from nextmini.store.migrate import migrations
from nextmini.store.naming import Naming
from nextmini.store.patience import AWAY_SECONDS
from nextmini.store.rows import RunningRun
from nextmini.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from nextmini.store.connection import Connection
    from nextmini.store.decided import Decided
    from nextmini.store.guard import Guard
    from nextmini.store.listener import Listener
    from nextmini.store.naming import Topic
    from nextmini.store.rows import Change, FlowMetric, LinkMetric, Marks, News

_CURRENT_RUN = """
SELECT id, scenario, extract(epoch FROM started)::float8, extract(epoch FROM clock_timestamp())::float8
FROM runs WHERE status = 'running' ORDER BY started DESC, id LIMIT 1
"""
# Both halves of a key are unsigned.
_CLAIMED = """
SELECT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid::bigint << 32) | objid::bigint = $1
)
"""
_SCHEMAS = """
SELECT n.nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
WHERE c.relname = 'schema_version' AND c.relkind = 'r' ORDER BY n.nspname
"""


class AlgorithmStore(Store):
    """An experiment's rows for one algorithm; several methods are not called at the same time.

    What it writes is not among its own changes.
    """

    @classmethod
    async def open(cls, dsn: str, experiment: str, guard: Guard | None = None) -> Self:
        """Connects to an experiment that is there; its schema is not made, nor changed.

        Raises RefusedError if it is not there, or is of another version than this program, DatabaseError if
        the server cannot be reached.
        """
        await check_experiment(dsn, experiment)
        return await super().open(dsn, experiment, guard)

    def __init__(
        self, dsn: str, naming: Naming, pool: asyncpg.Pool[asyncpg.Record], guard: Guard | None = None
    ) -> None:
        """For `open`, which see."""
        super().__init__(dsn, naming, pool, guard)
        self._writers: set[int] = set()
        """The processes in the server that have written our decisions."""

    def changes(self, *topics: Topic) -> Listener:
        """As of any store, without what this one has written by `decide`."""
        listener = super().changes(*topics)
        listener.ignored = self._writers
        return listener

    def resynced(self) -> None:
        """Everything was read anew: what was announced before does not matter any more.

        Connections are others then, and the server may give the old ones' numbers to somebody else.
        """
        self._writers.clear()

    async def current_run(self) -> RunningRun | None:
        """The run that goes on; None if none does, or nobody controls it any more."""
        async with self._connection("the run cannot be read") as connection:
            if not await connection.fetchval(_CLAIMED, self._naming.lock("claim")):
                return None
            row = await connection.fetchrow(_CURRENT_RUN)
        return None if row is None else RunningRun(*row)

    async def news(self, changes: Collection[Change], marks: Marks, run: str | None) -> News:
        """What has changed, reading no more than `changes` name, and the samples of a run after `marks`."""
        async with self._connection("the network cannot be read") as connection:
            return await reading.read_news(connection, changes, marks, run)

    async def totals(self, run: str) -> tuple[list[LinkMetric], list[FlowMetric], Marks]:
        """The newest samples of everything in a run, and up to where these were read."""
        async with self._connection("metrics cannot be read") as connection:
            return await reading.read_totals(connection, run)

    async def decide(self, decided: Decided, origin: str) -> tuple[dict[int, int], dict[int, int]]:
        """Writes a decision, all of it or nothing; returns the numbers of new routes and flows.

        What is about rows that were removed meanwhile is left out. A server that dies is waited for. Raises
        RefusedError or ScenarioError for what cannot be, DatabaseError if the server does not come back.
        """
        made: tuple[dict[int, int], dict[int, int]] | None = None

        async def write() -> tuple[dict[int, int], dict[int, int]]:
            nonlocal made
            async with self._connection("the decision cannot be written") as connection:
                self._writers.add(connection.get_server_pid())
                # Of a connection that broke nobody knows whether that was before or after the commit.
                if made is not None and await is_written(connection, decided, made):
                    return made
                async with connection.transaction():
                    made = await write_decision(connection, decided, origin)
                return made

        return await self.patiently(write, AWAY_SECONDS)

    async def count_decisions(self, name: str, decisions: int, last_ms: float | None) -> None:
        """Adds to what an algorithm has decided."""
        async with self._connection("the state of the algorithm cannot be written") as connection:
            await connection.execute(
                "UPDATE algorithm_state SET decisions = decisions + $2, last_ms = $3 WHERE name = $1",
                name,
                decisions,
                last_ms,
            )


async def check_experiment(dsn: str, experiment: str) -> None:
    """Raises RefusedError unless the database has this experiment, of this program's version."""
    naming = Naming.of(experiment)
    connection = await connect(dsn, server_settings(naming, "store"))
    try:
        with database_errors("the experiments cannot be read"):
            await _check(connection, naming, dsn)
    finally:
        await close_connection(connection)


async def _check(connection: Connection, naming: Naming, dsn: str) -> None:
    names: Sequence[str] = [row[0] for row in await connection.fetch(_SCHEMAS)]
    if naming.schema not in names:
        known = ", ".join(names[:10]) or "none"
        raise RefusedError(
            f"there is no experiment {naming.schema!r} in {redacted(dsn)}",
            f"name it with --experiment; there: {known}",
        )
    try:
        version = await connection.fetchval("SELECT coalesce(max(number), 0) FROM schema_version")
    except asyncpg.UndefinedTableError:
        version = 0
    if version != len(migrations()):
        raise RefusedError(
            f"experiment {naming.schema!r} is of another version of Nextmini "
            f"(schema {version}, here {len(migrations())})",
            "use the same version here as where the experiment runs",
        )
