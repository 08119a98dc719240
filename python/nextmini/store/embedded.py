"""The embedded PostgreSQL server, as long as it is needed.

The work is done by `nextmini.store.sharing` in a thread. Cancelling at any moment, any number of times, waits
for the thread to finish or undo what it began: a second at most. A server that dies meanwhile is started
again, by whichever of its users comes first.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from nextmini.errors import DatabaseError, PrerequisiteError
from nextmini.store.command import CalledOffError
from nextmini.store.guard import Guard
from nextmini.store.sharing import DataLostError, SharedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from nextmini.store.programs import Programs

T = TypeVar("T")

RETRY_SECONDS = 0.2
"""Between attempts to start a server that has died."""


@asynccontextmanager
async def embedded_server(
    state: Path, programs: Programs | None = None, guard: Guard | None = None
) -> AsyncIterator[str]:
    """Gives the DSN of a state folder's server; starts it if nobody has, stops it if nobody else is left.

    `guard` is told when it has died, and what came of that. Raises DatabaseError (with the end of the
    server's log), PrerequisiteError.
    """
    server = SharedServer(state, programs)
    keeping: asyncio.Task[None] | None = None
    try:
        dsn = await _finished(server.enter, on_cancel=server.interrupt)
        keeping = asyncio.create_task(_keep(server, guard or Guard()))
        yield dsn
    finally:
        if keeping is not None:
            keeping.cancel()
        server.interrupt()
        try:
            await _finished(server.leave)
        finally:
            if keeping is not None:
                await _finished_task(keeping)
            server.close()


async def _keep(server: SharedServer, guard: Guard) -> None:
    """Starts the server again whenever it has died; returns when that makes no sense any more."""
    while True:
        await _until_dead(server)
        if not guard.died(server.last_words()):
            return
        try:
            await _finished(server.revive, on_cancel=server.interrupt)
        except (DataLostError, PrerequisiteError) as error:
            guard.gone(error)
            return
        except DatabaseError as error:
            guard.failed(error)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            guard.restarted()


async def _until_dead(server: SharedServer) -> None:
    """Returns when no server runs."""
    descriptor = await _finished(server.open_process)
    if descriptor is None:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    try:
        loop.add_reader(descriptor, ended.set)
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _finished_task(task: asyncio.Task[None]) -> None:
    """Waits for a task that was cancelled. Raises what it failed with by itself."""
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


async def _finished(work: Callable[[], T], on_cancel: Callable[[], None] | None = None) -> T:
    """The result of `work` in a thread. A cancellation calls `on_cancel` and counts once `work` has ended.

    An error of `work` counts more than a cancellation: somebody should hear of a server that does not stop.
    """
    future = asyncio.get_running_loop().run_in_executor(None, work)
    cancelled = False
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            cancelled = True
            if on_cancel is not None:
                on_cancel()
    try:
        result = future.result()
    except CalledOffError:
        raise asyncio.CancelledError from None
    if cancelled:
        raise asyncio.CancelledError
    return result
