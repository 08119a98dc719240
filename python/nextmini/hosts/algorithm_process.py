"""The process of an algorithm, as a child of this one; see `nextmini.runner.assignment` for what is said."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nextmini.errors import RunError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import IO

    from nextmini.runner.assignment import Assignment

PROGRAM = (sys.executable, "-P", "-m", "nextmini.runner")
"""Without the working folder: a file there may be called like one of Python's own modules."""
END_SECONDS = 3.0
"""How long one that was told to end may take before it is killed."""
_LONGEST_LINE = 1 << 20


class AlgorithmProcess:
    """One process. In a session of its own: Ctrl-C reaches who started it, who then ends it in order."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        """For `start`, which see."""
        self._child = child
        self._descriptor: int | None = None
        with suppress(ProcessLookupError):  # it has ended already
            self._descriptor = os.pidfd_open(child.pid)

    @classmethod
    async def start(cls, assignment: Assignment, log: IO[bytes] | int) -> AlgorithmProcess:
        """Starts it; its standard error goes to `log`. Raises RunError if that is not possible."""
        try:
            child = await asyncio.create_subprocess_exec(
                *PROGRAM,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                limit=_LONGEST_LINE,
            )
        except OSError as error:
            raise RunError(f"algorithm {assignment.name} cannot be started: {error}") from error
        process = cls(child)
        with suppress(ConnectionError):  # how it ended tells why
            if child.stdin is not None:
                child.stdin.write(assignment.line())
                await child.stdin.drain()
        return process

    @property
    def pid(self) -> int:
        """Its number."""
        return self._child.pid

    async def said(self) -> AsyncIterator[dict[str, Any]]:
        """What it says, until it ends or closes its output."""
        output = self._child.stdout
        while output is not None:
            line = await output.readline()
            if not line:
                return
            yield json.loads(line)

    async def end(self) -> int:
        """Returns its exit code when it has ended: by itself, or since it was told to by `stop`."""
        code = await self._child.wait()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        return code

    async def stop(self) -> None:
        """Tells it to end, and kills it if it does not. Somebody waits for its `end` meanwhile."""
        self._signal(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self._child.wait()
        self._signal(signal.SIGKILL)
        await self._child.wait()

    def kill(self) -> None:
        """Ends it at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._descriptor is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)
