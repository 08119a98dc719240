"""Processes inside network namespaces: who they are, and their end."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextmini.hosts.ending import PATIENCE_SECONDS, end_processes

if TYPE_CHECKING:
    from collections.abc import Iterable


def end_processes_inside(namespaces: Iterable[Path]) -> int:
    """Ends all processes in these namespaces; returns how many these were.

    Namespaces that are not there have none. Raises PrerequisiteError if one cannot be ended.
    """
    identities = set(filter(None, map(identity, namespaces)))
    if not identities:
        return 0
    return end_processes(
        lambda process: _is_inside(process, identities), "processes inside network namespaces"
    )


def end_sessions(leaders: Iterable[int]) -> None:
    """Ends all processes of sessions, by the numbers of their leaders.

    The numbers must be those of our own children that nobody has waited for longer ago than this begins.
    Raises PrerequisiteError if one cannot be ended.
    """
    sessions = set(leaders)
    if sessions:
        end_processes(lambda process: _session(process) in sessions, "processes of shells in nodes")


def end_group(process: subprocess.Popen[Any]) -> None:
    """Ends a command that was started in a session of its own, and everything that it started there.

    SIGTERM, and SIGKILL for who does not heed it; returns when the command has ended.
    """
    if process.poll() is not None:
        return
    # It has not been waited for, so its number is its own, and so is that of its group.
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def identity(namespace: Path) -> int | None:
    """The number of a namespace, which /proc/PID/ns/net shows; None if it is not there."""
    try:
        return namespace.stat().st_ino
    except OSError:
        return None


def _session(process: int) -> int | None:
    """The leader of a process's session; None of a process that has ended, or is a zombie."""
    try:
        # The name, in parentheses, may hold anything.
        state, _, _, session = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[:4]
    except OSError:
        return None
    return None if state in b"ZX" else int(session)


def _is_inside(process: int, identities: set[int]) -> bool:
    try:
        return os.stat(f"/proc/{process}/ns/net").st_ino in identities
    except OSError:  # it has ended, or is a zombie
        return False
