"""Changes rows as anybody may, and hears when processes have confirmed them."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, Self

from nextmini.store import StateFolder, embedded_server
from nextmini.store.connection import connect, server_settings
from nextmini.store.naming import Naming

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nextmini.store.connection import Connection

Kind = Literal["route", "link"]
_IN_FORCE = {"route": "installed", "link": "up"}


class Confirmations:
    """A connection that changes rows, and hears of their states."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._news = asyncio.Event()
        self._announced: set[tuple[str, int]] = set()
        self._generations: dict[tuple[Kind, int], int] = {}

    @classmethod
    @asynccontextmanager
    async def listen(cls, experiment: str) -> AsyncIterator[Self]:
        """Of an experiment in the embedded server, which is running."""
        async with embedded_server(StateFolder.locate(None).path) as dsn:
            naming = Naming.of(experiment)
            connection = await connect(dsn, server_settings(naming, "benchmark"))
            made = cls(connection)
            try:
                await connection.add_listener(naming.channel("state"), made._hear)
                yield made
            finally:
                await connection.close()

    async def value(self, query: str, *arguments: object) -> Any:
        """One value."""
        return await self._connection.fetchval(query, *arguments)

    async def change(self, kind: Kind, id: int, query: str, value: object) -> None:
        """Changes a row by `query` ($1: its number, $2: the value); returns when that is in force."""
        await self._known(kind, id)
        await self._connection.execute(query, id, value)
        await self.next(kind, id)

    async def next(self, kind: Kind, id: int) -> None:
        """Returns when the row is in force in a generation that was not seen here before."""
        before = await self._known(kind, id)
        while True:
            self._news.clear()
            if (f"{kind}_state", id) in self._announced:
                self._announced.clear()
                generation, status = await self._state(kind, id)
                if generation > before and status == _IN_FORCE[kind]:
                    self._generations[kind, id] = generation
                    return
            else:
                await self._news.wait()

    async def _known(self, kind: Kind, id: int) -> int:
        if (kind, id) not in self._generations:
            self._generations[kind, id], _ = await self._state(kind, id)
        return self._generations[kind, id]

    async def _state(self, kind: Kind, id: int) -> tuple[int, str]:
        query = f"SELECT generation, status FROM {kind}_state WHERE {kind} = $1"  # noqa: S608 - of two words
        row = await self._connection.fetchrow(query, id)
        return (0, "") if row is None else (row["generation"], row["status"])

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        said = json.loads(str(payload))
        self._announced.update((said["table"], id) for id in said.get("ids", ()))
        self._news.set()
