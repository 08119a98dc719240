"""Processes of running experiments, held by descriptor: their numbers may pass to other processes."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextmini.experiment import Interrupt


async def end(process: int, interrupt: Interrupt) -> None:
    """Asks the process to end and waits until it has; asks again when whoever waits wants to hurry.

    `interrupt` counts from here on: somebody who asks for the second time wants to hurry. Raises
    PermissionError if it is somebody else's.
    """
    _ask(process)
    if not await interrupt.unless_hastened(until_ended(process)):
        _ask(process)
        await until_ended(process)


async def until_ended(process: int) -> None:
    """Returns when the process has ended."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(process)


def _ask(process: int) -> None:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, signal.SIGTERM)
