"""Process groups: who is in them, and when all of those have ended."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_DEAD = ("Z", "X")
"""States in proc_pid_stat(5) of processes that have ended."""


async def until_groups_end(groups: Collection[int]) -> None:
    """Returns when nobody in these groups runs any more; their numbers must not pass to others meanwhile."""
    # Somebody may start others while we wait.
    while found := members(groups):
        for process in found:
            await _until_ended(process)


def members(groups: Collection[int]) -> list[int]:
    """Numbers of the processes in these groups that have not ended."""
    wanted = set(groups)
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [number for number in numbers if _is_in(number, wanted)] if wanted else []


def _is_in(process: int, groups: set[int]) -> bool:
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended
        return False
    state, _, group, *_ = text.rpartition(")")[2].split()
    return int(group) in groups and state not in _DEAD


async def _until_ended(process: int) -> None:
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
