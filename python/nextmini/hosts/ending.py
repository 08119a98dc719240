"""The end of processes that are nobody's children here: asked, then killed, and never another one instead."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nextmini.errors import PrerequisiteError

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_SECONDS = 2.0
_KILL_SECONDS = 5.0


def end_processes(concerned: Callable[[int], bool], what: str) -> int:
    """Ends all processes, apart from this one, that are `concerned`; returns how many these were.

    With SIGTERM, and SIGKILL for who does not heed it. Raises PrerequisiteError, with `what` they are, if one
    cannot be ended.
    """
    ended = 0
    # Processes may start others while they end.
    while found := [number for number in numbers() if number != os.getpid() and concerned(number)]:
        held = {process: descriptor for process in found if (descriptor := _hold(process)) is not None}
        try:
            # Their numbers cannot pass to others while we hold them, so look before sending anything.
            ours = {process: held[process] for process in held if concerned(process)}
            _end(ours, what)
            ended += len(ours)
        finally:
            for descriptor in held.values():
                os.close(descriptor)
    return ended


def numbers() -> list[int]:
    """The numbers of all processes."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _end(processes: dict[int, int], what: str) -> None:
    try:
        _signal(processes, signal.SIGTERM)
        if _all_end(processes, PATIENCE_SECONDS):
            return
        _signal(processes, signal.SIGKILL)
    except PermissionError as error:
        raise PrerequisiteError(
            f"{what} are another user's and cannot be ended: {list(processes)}",
            "run `nextmini cleanup` as root",
        ) from error
    if not _all_end(processes, _KILL_SECONDS):
        raise PrerequisiteError(f"{what} cannot be killed: {list(processes)}")


def _hold(process: int) -> int | None:
    try:
        return os.pidfd_open(process)
    except ProcessLookupError:
        return None


def _signal(processes: dict[int, int], number: signal.Signals) -> None:
    for descriptor in processes.values():
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, number)


def _all_end(processes: dict[int, int], seconds: float) -> bool:
    """Whether all end within so long; a zombie has ended."""
    waiting = set(processes.values())
    poll = select.poll()
    for descriptor in waiting:
        poll.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + seconds
    while waiting:
        ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not ready:
            return False
        for descriptor, _ in ready:
            poll.unregister(descriptor)
            waiting.discard(descriptor)
    return True
