"""How many decisions there were, for whoever started the process and for the database.

A database that is away is asked again: the decisions themselves were waited for as well.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nextmini.errors import DatabaseError
from nextmini.store.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

COUNT_SECONDS = 0.5
"""Decisions of this long are counted together."""
LAST_SECONDS = 2.0
"""How long a database that is away is waited for at the end: less than until the process is killed."""


class Counting:
    """Counts decisions; `tell` and `write` take how many there were, and how long the newest took, in ms.

    `write` raises DatabaseError while it cannot.
    """

    def __init__(
        self,
        tell: Callable[[int, float | None], None],
        write: Callable[[int, float | None], Awaitable[None]],
    ) -> None:
        self._tell = tell
        self._write = write
        self._untold = self._unwritten = 0
        self._last_ms: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def decided(self, ms: float) -> None:
        """There was one more."""
        self._last_ms = ms
        self._untold += 1
        self._unwritten += 1
        self._soon()

    async def finish(self) -> None:
        """Counts those that are not counted yet. Raises DatabaseError."""
        await asyncio.gather(*self._tasks)
        if self._timer is not None:
            self._timer.cancel()
        await patiently(self._count, LAST_SECONDS)

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COUNT_SECONDS, self._now)

    def _now(self) -> None:
        self._timer = None
        task = asyncio.create_task(self._try())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _try(self) -> None:
        try:
            await self._count()
        except DatabaseError:
            self._soon()

    async def _count(self) -> None:
        untold, self._untold = self._untold, 0
        if untold:
            self._tell(untold, self._last_ms)
        unwritten, self._unwritten = self._unwritten, 0
        if not unwritten:
            return
        try:
            await self._write(unwritten, self._last_ms)
        except DatabaseError:
            self._unwritten += unwritten
            raise
