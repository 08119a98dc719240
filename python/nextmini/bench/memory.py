"""How much memory networks have of the machine, and when what earlier ones had is free again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from nextmini.bench.processes import dataplanes, kernel_kib, namespaces_of_kernel, pss_kib

SETTLE_SECONDS = 1.0
MOST_SETTLE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in KiB: the kernel's, and that of all dataplane processes."""

    kernel: int
    dataplanes: int

    @classmethod
    def now(cls) -> Memory:
        """As it is."""
        return cls(kernel_kib(), sum(map(_share, dataplanes())))


async def settled() -> None:
    """Returns when the kernel has taken apart what earlier networks had.

    It does so in the background and tells nobody, so this returns when nothing has changed for a while.
    """
    seen, since = namespaces_of_kernel(), time.monotonic()
    deadline = since + MOST_SETTLE_SECONDS
    while time.monotonic() < min(since + SETTLE_SECONDS, deadline):
        await asyncio.sleep(SETTLE_SECONDS / 10)
        now = namespaces_of_kernel()
        if now != seen:
            seen, since = now, time.monotonic()


def _share(process: int) -> int:
    try:
        return pss_kib(process)
    except OSError:  # it has ended, and has no memory any more
        return 0
