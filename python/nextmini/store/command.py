"""Runs a program to its end from a thread, and stops waiting when told to.

The server's start and stop run in a thread, not in coroutines: a thread cannot be cancelled half-way, and
Python waits for it before it exits, so that what it began is always finished or undone.
"""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from nextmini.errors import DatabaseError, PrerequisiteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


_SECONDS = 1.0
"""The event loop hears of a Ctrl-C within this time."""


class CalledOffError(Exception):
    """Nobody waits for the result any more."""


class Interrupt:
    """A flag that one thread sets and that another can wait for together with descriptors."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def set(self) -> None:
        os.eventfd_write(self._descriptor, 1)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended and all that it printed."""

    returncode: int
    output: str


def run(
    command: Sequence[str],
    folder: Path,
    *,
    seconds: float,
    interrupt: Interrupt | None = None,
    descriptors: Sequence[int] = (),
) -> Outcome:
    """Runs a command in `folder` as `spawn` does.

    Its process group is killed, and DatabaseError raised, when `seconds` have passed; CalledOffError when
    `interrupt` is set. Raises PrerequisiteError if it cannot be executed.
    """
    # Not a pipe, which a server that outlives the command would keep open; not a disk, which may be full.
    with open(os.memfd_create("output"), "w+b") as output:
        process = spawn(command, folder, output, descriptors)
        try:
            if not ends_within(seconds, process, interrupt):
                raise DatabaseError(f"{shlex.join(command)} has not ended within {seconds:.0f} seconds")
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            process.wait()
        check_called_off(process, interrupt)
        output.seek(0)
        return Outcome(process.returncode, output.read().decode(errors="replace").strip())


def spawn(
    command: Sequence[str], folder: Path, output: IO[bytes], descriptors: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Starts a command in `folder`, in a session of its own (Ctrl-C does not reach it), with no input.

    Raises PrerequisiteError if it cannot be executed.
    """
    try:
        return subprocess.Popen(  # noqa: S603 - no shell; our own arguments
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=descriptors,
        )
    except OSError as error:
        raise PrerequisiteError(f"{command[0]} cannot be executed: {error.strerror}") from error


def ends_within(seconds: float, process: subprocess.Popen[bytes], interrupt: Interrupt | None) -> bool:
    """Whether the process ends in time; it is not reaped.

    Raises CalledOffError if `interrupt` is set first.
    """
    ended = os.pidfd_open(process.pid)
    try:
        waited_for = [ended] if interrupt is None else [ended, interrupt.fileno()]
        ready = _readable(waited_for, seconds)
    finally:
        os.close(ended)
    if ready and ended not in ready:
        raise CalledOffError
    return bool(ready)


def check_called_off(process: subprocess.Popen[bytes], interrupt: Interrupt | None) -> None:
    """Raises CalledOffError if a process that has ended fell to a Ctrl-C that calls us off as well.

    It gets there when it comes before the process has a session of its own; we may hear of it a little later.
    """
    if interrupt is None or process.wait() != -signal.SIGINT:
        return
    if _readable([interrupt.fileno()], _SECONDS):
        raise CalledOffError


def _readable(descriptors: Sequence[int], seconds: float) -> list[int]:
    poll = select.poll()  # select() refuses descriptors above 1023
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(seconds * 1000)]


def _environment() -> dict[str, str]:
    """Ours without PostgreSQL's variables, which would change what its programs do; messages in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return kept | {"LC_ALL": "C"}
