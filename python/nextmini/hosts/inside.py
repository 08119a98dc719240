"""Processes inside network namespaces: who they are, and their end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextmini.errors import PrerequisiteError

if TYPE_CHECKING:
    from collections.abc import Iterable

_PATIENCE_SECONDS = 2.0
_KILL_SECONDS = 5.0


def end_processes_inside(namespaces: Iterable[Path]) -> None:
    """Ends all processes in these namespaces: with SIGTERM, and SIGKILL for who does not heed it.

    Namespaces that are not there have none. Raises PrerequisiteError if one cannot be killed.
    """
    identities = set(filter(None, map(identity, namespaces)))
    if not identities:
        return
    # Processes may start others while they end.
    while found := processes_inside(identities):
        held = {process: descriptor for process in found if (descriptor := _hold(process)) is not None}
        try:
            # Their numbers cannot pass to others while we hold them, so look before sending anything.
            ours = {pid: fd for pid, fd in held.items() if _is_inside(pid, identities)}
            _signal(ours, signal.SIGTERM)
            if not _all_end(ours, _PATIENCE_SECONDS):
                _signal(ours, signal.SIGKILL)
                if not _all_end(ours, _KILL_SECONDS):
                    raise PrerequisiteError(
                        f"processes inside network namespaces cannot be killed: {list(ours)}"
                    )
        finally:
            for descriptor in held.values():
                os.close(descriptor)


def end_group(process: subprocess.Popen[Any]) -> None:
    """Ends a command that was started in a session of its own, and everything that it started there.

    SIGTERM, and SIGKILL for who does not heed it; returns when the command has ended.
    """
    if process.poll() is not None:
        return
    # It has not been waited for, so its number is its own, and so is that of its group.
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def identity(namespace: Path) -> int | None:
    """The number of a namespace, which /proc/PID/ns/net shows; None if it is not there."""
    try:
        return namespace.stat().st_ino
    except OSError:
        return None


def processes_inside(identities: set[int]) -> list[int]:
    """Numbers of the processes, this one apart, of which a thread is in one of these namespaces."""
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [number for number in numbers if number != os.getpid() and _is_inside(number, identities)]


def _is_inside(process: int, identities: set[int]) -> bool:
    try:
        return os.stat(f"/proc/{process}/ns/net").st_ino in identities
    except OSError:  # it has ended, or is a zombie
        return False


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
