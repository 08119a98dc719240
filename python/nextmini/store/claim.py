"""The claim of one controller to an experiment: an advisory lock on a connection of its own.

PostgreSQL gives the lock up when the connection ends, so a controller that died claims nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from nextmini.errors import ControllerError
from nextmini.store.connection import connect, database_errors, server_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.store.connection import Connection
    from nextmini.store.naming import Naming

# For a controller that was killed this very moment, until PostgreSQL has noticed.
_PATIENCE = "1s"

_HOLDER = """
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (classid::bigint << 32) | objid::bigint = $1
"""


class Claim:
    """Held until closed or its connection ends: then `on_loss` is called, and `renew` may take it again."""

    def __init__(self, dsn: str, naming: Naming, on_loss: Callable[[], None]) -> None:
        self._dsn = dsn
        self._naming = naming
        self._on_loss = on_loss
        self._connection: Connection | None = None

    async def renew(self) -> None:
        """Takes the claim unless it is held already.

        Raises ControllerError if another controller has it, DatabaseError if the server cannot be used.
        """
        if self._connection is not None:
            return
        connection = await connect(self._dsn, server_settings(self._naming, "controller"))
        try:
            with database_errors("the experiment cannot be claimed"):
                await self._lock(connection)
                connection.add_termination_listener(self._terminated)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection

    async def close(self) -> None:
        """Gives the claim up. Closing twice does nothing."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await close_connection(connection)

    async def _lock(self, connection: Connection) -> None:
        key = self._naming.lock("claim")
        await connection.execute(f"SET lock_timeout = '{_PATIENCE}'")
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", key)
        except asyncpg.LockNotAvailableError as error:
            holder = await connection.fetchval(_HOLDER, key)
            raise ControllerError(
                f"experiment {self._naming.schema!r} already has a controller: {holder or 'one just gone'}",
                "stop it, or give this experiment another name",
            ) from error

    def _terminated(self, connection: object) -> None:
        if connection is self._connection:
            self._connection = None
            self._on_loss()


async def close_connection(connection: Connection) -> None:
    """Ends a session in order; cuts it off if the server does not answer."""
    try:
        await connection.close(timeout=2)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        connection.terminate()  # it is as closed as it can be; there is nothing left to lose
