"""What is done again while a server that died may come back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from nextmini.errors import DatabaseError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nextmini.store.guard import Guard

T = TypeVar("T")

AGAIN_SECONDS = 10.0
"""A server of ours is back within a second or two."""
AWAY_SECONDS = 30.0
"""After this it counts as gone for good: somebody else's server may be restarted for an update."""
_RETRY_SECONDS = 0.2


async def patiently(
    work: Callable[[], Awaitable[T]], seconds: float = AGAIN_SECONDS, guard: Guard | None = None
) -> T:
    """The result of `work`, which is done again for so long when it raises DatabaseError.

    Raises it at once if the server is gone for good, as `guard` knows, or refuses what was asked.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        try:
            return await work()
        except RefusedError:
            raise
        except DatabaseError:
            if (guard is not None and guard.failure is not None) or loop.time() > end:
                raise
        await asyncio.sleep(_RETRY_SECONDS)
