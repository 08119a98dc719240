"""PostgreSQL processes that nobody manages any more, found by the folder that they work in.

A process number in a file proves nothing: after a crash or a reboot it may belong to anybody.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nextmini.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAMS = frozenset({"postgres", "initdb"})
_PATIENCE_SECONDS = 1.0
_KILL_SECONDS = 5.0


def processes_in(folder: Path) -> list[int]:
    """Numbers of the PostgreSQL processes whose working folder is `folder` or lies in it."""
    return [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_in(entry, folder)
    ]


def ask_to_end(process: int, folder: Path, *, seconds: float) -> None:
    """Asks a server for a fast shutdown if it works in `folder`; returns when it has ended or time is up."""
    with held(process) as descriptor:
        # Its number cannot pass to another process while we hold it, so look before sending anything.
        if descriptor is not None and _is_in(Path(f"/proc/{process}"), folder):
            signal.pidfd_send_signal(descriptor, signal.SIGINT)
            _ends_within(seconds, descriptor)


def end_processes_in(folder: Path) -> None:
    """Returns when there are none: gives each a moment to end by itself, then kills it.

    Raises DatabaseError if one cannot be killed.
    """
    while processes := processes_in(folder):
        for process in processes:
            with held(process) as descriptor:
                if descriptor is None or not _is_in(Path(f"/proc/{process}"), folder):
                    continue
                if _ends_within(_PATIENCE_SECONDS, descriptor):
                    continue
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                if not _ends_within(_KILL_SECONDS, descriptor):
                    raise DatabaseError(
                        f"process {process}, a PostgreSQL server in {folder}, cannot be killed"
                    )


@contextmanager
def held(process: int) -> Iterator[int | None]:
    """A descriptor of the process; None if there is none."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _ends_within(seconds: float, descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _is_in(process: Path, folder: Path) -> bool:
    try:
        program, works_in = (process / "exe").readlink(), (process / "cwd").readlink()
    except OSError:  # it has ended, or is somebody else's
        return False
    return program.name in _PROGRAMS and (works_in == folder or folder in works_in.parents)
