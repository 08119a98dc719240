"""Waiting for what comes of a change: until a round of reconciling that began after it is over."""

from __future__ import annotations

import asyncio


class Rounds:
    """The rounds of one controller, of which there is one at a time."""

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None
        """Of the round that has not begun."""
        self._current: list[asyncio.Future[None]] = []
        self.ended = 0
        """How many there have been."""

    def begin(self) -> None:
        """A round begins: it takes in everything that was written by now."""
        if self._next is not None:
            self._current.append(self._next)
            self._next = None

    def end(self, *, complete: bool) -> None:
        """The round is over; one that is not `complete` could not read everything, so the next one counts."""
        self.ended += 1
        if not complete:
            return
        for waiting in self._current:
            waiting.set_result(None)
        self._current.clear()

    async def next(self) -> None:
        """Returns when a round is over that has not begun yet."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._next)
