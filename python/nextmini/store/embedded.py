"""The embedded PostgreSQL server, as long as it is needed.

The work is done by `nextmini.store.sharing` in a thread. Cancelling at any moment, any number of times, waits
for the thread to finish or undo what it began: a second at most.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from nextmini.store.command import CalledOffError
from nextmini.store.sharing import SharedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from nextmini.store.programs import Programs

T = TypeVar("T")


@asynccontextmanager
async def embedded_server(state: Path, programs: Programs | None = None) -> AsyncIterator[str]:
    """Gives the DSN of a state folder's server; starts it if nobody has, stops it if nobody else is left.

    Raises DatabaseError (with the end of the server's log), PrerequisiteError.
    """
    server = SharedServer(state, programs)
    try:
        yield await _finished(server.enter, on_cancel=server.interrupt)
    finally:
        server.interrupt()
        try:
            await _finished(server.leave)
        finally:
            server.close()


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
