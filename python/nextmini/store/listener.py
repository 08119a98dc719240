"""Listens for changes, and never misses one without saying so.

What PostgreSQL announces while a listener is away is lost. So each (re)connection begins with RESYNC, which
tells its reader to read everything again, and only then come single changes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nextmini.errors import DatabaseError
from nextmini.store.changes import ChangeSet, parse
from nextmini.store.connection import FAILURES, connect, reason, server_settings
from nextmini.store.patience import AWAY_SECONDS
from nextmini.store.rows import RESYNC

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Sequence

    from nextmini.store.connection import Connection
    from nextmini.store.guard import Guard
    from nextmini.store.naming import Naming, Topic
    from nextmini.store.rows import Change

_FIRST_RETRY_SECONDS = 0.05
_LAST_RETRY_SECONDS = 0.5
# A peer that vanished without a word (a machine that lost its power) is found by asking it something.
_HEARTBEAT_SECONDS = 5.0


class Listener:
    """Sets of changes, as an asynchronous iterator for one reader, on a connection of its own.

    What is announced while the reader is busy is gathered into one set. Ends when closed. Raises
    DatabaseError when the server has been away for too long, at once if `guard` knows that it is gone for
    good, and whatever `on_connect` raises beside that, which is awaited after each connection before
    anything is given to the reader.
    """

    def __init__(
        self,
        dsn: str,
        naming: Naming,
        topics: Sequence[Topic],
        on_connect: Callable[[], Awaitable[None]],
        guard: Guard,
    ) -> None:
        self._dsn = dsn
        self._settings = server_settings(naming, "listener")
        self._channels = [naming.channel(topic) for topic in topics]
        self._on_connect = on_connect
        self._guard = guard
        self.ignored: Container[int] = ()
        """Processes in the server whose announcements are not for this reader."""
        self._connection: Connection | None = None
        self._pending = ChangeSet()
        self._awake = asyncio.Event()
        self._closed = False

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> frozenset[Change]:
        while not self._closed:
            if self._connection is None:
                await self._reconnect()
                return frozenset({RESYNC})
            if self._pending:
                return self._pending.take()
            await self._wait(self._connection)
        raise StopAsyncIteration

    def resync(self) -> None:
        """Makes the listener connect again, as after a break."""
        self._drop()
        self._awake.set()

    def close(self) -> None:
        """Ends the iteration, also for a reader that is waiting. Closing twice does nothing."""
        self._closed = True
        self.resync()

    async def _reconnect(self) -> None:
        failure: Exception | None = None
        pause = _FIRST_RETRY_SECONDS
        try:
            async with asyncio.timeout(AWAY_SECONDS) as limit:
                while not self._closed:
                    self._check(limit)
                    try:
                        await self._connect()
                        return await self._on_connect()
                    except (DatabaseError, *FAILURES) as error:
                        failure = error
                        self._drop()
                        await asyncio.sleep(pause)
                        pause = min(2 * pause, _LAST_RETRY_SECONDS)
        except TimeoutError:
            self._drop()
            text = reason(failure) if failure else "no answer"
            gone = DatabaseError(f"PostgreSQL has been away for {AWAY_SECONDS:.0f} seconds: {text}")
            self._guard.gone(gone)
            raise gone from failure

    def _check(self, limit: asyncio.Timeout) -> None:
        """Gives the server more time while it is being started again. Raises why it is gone for good."""
        if self._guard.failure is not None:
            raise self._guard.failure
        if self._guard.restarting:
            limit.reschedule(asyncio.get_running_loop().time() + AWAY_SECONDS)

    async def _connect(self) -> None:
        self._pending.take()
        self._connection = connection = await connect(self._dsn, self._settings)
        connection.add_termination_listener(self._terminated)
        for channel in self._channels:
            await connection.add_listener(channel, self._announced)

    async def _wait(self, connection: Connection) -> None:
        self._awake.clear()
        try:
            async with asyncio.timeout(_HEARTBEAT_SECONDS):
                await self._awake.wait()
        except TimeoutError:
            try:
                await connection.execute("SELECT", timeout=_HEARTBEAT_SECONDS)
            except FAILURES:
                self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def _terminated(self, connection: object) -> None:
        if connection is self._connection:
            self.resync()

    def _announced(self, _connection: object, pid: int, _channel: str, payload: object) -> None:
        """Runs inside asyncpg's reader, so it only takes note."""
        if pid in self.ignored:
            return
        self._pending.add(parse(str(payload)))
        self._awake.set()
