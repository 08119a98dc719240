"""Being told to stop: once, and then again by somebody who cannot wait.

The first SIGINT or SIGTERM ends whatever is going on in order; the second one cuts short what is waited for
on the way out. Neither skips the cleaning up.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818 - a request, not an error
    """Somebody asked for the end of it."""


class Interrupt:
    """The requests to stop that a run has got. Made inside the event loop that it is used in."""

    def __init__(self) -> None:
        self._requested = asyncio.Event()
        self._hastened = asyncio.Event()

    def request(self) -> None:
        """Asks to stop; a second time, to hurry."""
        (self._hastened if self._requested.is_set() else self._requested).set()

    @property
    def requested(self) -> bool:
        """Whether somebody asked to stop."""
        return self._requested.is_set()

    @property
    def hastened(self) -> bool:
        """Whether somebody asked again."""
        return self._hastened.is_set()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Takes SIGINT and SIGTERM as requests while the context lasts."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.getsignal(number) for number in numbers]
        for number in numbers:
            loop.add_signal_handler(number, self.request)
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    async def guard(self, work: Coroutine[object, object, T]) -> T:
        """The result of `work`; cancels it and raises Interrupted when asked to stop."""
        if self.requested:
            work.close()
            raise Interrupted
        task = asyncio.ensure_future(work)
        if await _first(task, self._requested, None):
            return task.result()
        raise Interrupted

    async def unless_hastened(
        self, work: Coroutine[object, object, object], seconds: float | None = None
    ) -> bool:
        """Whether `work` finished within `seconds` and before somebody asked to hurry; else cancels it."""
        if self.hastened:
            work.close()
            return False
        task = asyncio.ensure_future(work)
        if not await _first(task, self._hastened, seconds):
            return False
        task.result()
        return True


async def _first(task: asyncio.Future[T], event: asyncio.Event, seconds: float | None) -> bool:
    """Waits for the task, the event or the time; returns whether the task has finished, else cancels it."""
    waiter = asyncio.ensure_future(event.wait())
    try:
        both: set[asyncio.Future[object]] = {task, waiter}  # type: ignore[arg-type]
        await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()
        finished = task.done()
        if not finished:
            task.cancel()
            # It may have something to tidy up.
            await asyncio.gather(task, return_exceptions=True)
    return finished
