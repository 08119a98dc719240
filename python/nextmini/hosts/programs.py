"""Programs that run inside nodes for as long as they like, with a log each."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from nextmini.errors import RunError
from nextmini.hosts.commands import spawn
from nextmini.hosts.output import Output
from nextmini.hosts.threads import in_thread

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nextmini.hosts.commands import Place


@dataclass(frozen=True, slots=True)
class Command:
    """What is to run, where, and the file that its output goes to; `cwd` None: the folder that we are in."""

    place: Place
    words: Sequence[str]
    log: Path
    env: Mapping[str, str]
    cwd: str | None = None


class Program:
    """One program, in a session of its own; `awaited` is a text that its output is searched for.

    Its process is not reaped before `close`, so that its number stays its own, and that of its group.
    """

    def __init__(self, command: Command, awaited: str | None = None) -> None:
        self.ended = asyncio.Event()
        self.exit: int | None = None
        """Its exit code, or the negative number of the signal that ended it; None until then."""
        self._output: Output | None = None  # unless it is searched
        self._command = command
        self._awaited = awaited
        self._process: subprocess.Popen[Any] | None = None
        self._descriptor: int | None = None
        self._times: tuple[float, float | None] = (0.0, None)

    async def start(self) -> None:
        """Starts it. Raises CommandError if it cannot be started, RunError."""
        loop = asyncio.get_running_loop()
        try:
            if self._awaited is None:
                with self._command.log.open("wb") as log:
                    await self._spawn(log)
            else:
                self._output = Output(self._command.log, self._awaited)
                try:
                    await self._spawn(self._output.writer)
                finally:
                    self._output.given()
        except OSError as error:
            raise RunError(f"{self._command.log} cannot be written: {error.strerror or error}") from error
        finally:  # it may run although nobody waits for it any more
            if self._process is not None:
                self._times = (loop.time(), None)
                self._descriptor = os.pidfd_open(self._process.pid)
                loop.add_reader(self._descriptor, self._has_ended)

    @property
    def process(self) -> int | None:
        """Its number; None if it was not started."""
        return None if self._process is None else self._process.pid

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        began, ended = self._times
        return (asyncio.get_running_loop().time() if ended is None else ended) - began if began else 0.0

    @property
    def heard(self) -> bool:
        """Whether its output had the text that is awaited."""
        return self._output is not None and self._output.heard.is_set()

    @property
    def flaw(self) -> str | None:
        """Why its log is not complete, if so."""
        return None if self._output is None else self._output.flaw

    async def until_heard(self) -> None:
        """Returns when its output had the text; never, if there is none to be awaited."""
        heard = asyncio.Event() if self._output is None else self._output.heard
        await heard.wait()

    def signal(self, number: signal.Signals) -> None:
        """Signals it and everything that it has started in its group."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def close(self) -> None:
        """Lets go of a program that has ended, or was killed."""
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None
        if self._process is not None:
            self._process.wait()
            self._process = None
            self._stop_clock()
        if self._output is not None:
            self._output.read()
            self._output.close()

    async def _spawn(self, output: int | BinaryIO) -> None:
        command = self._command

        def work() -> None:
            self._process = spawn(
                command.place,
                command.words,
                env=command.env,
                cwd=command.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

        await in_thread(work)

    def _stop_clock(self) -> None:
        began, ended = self._times
        self._times = (began, asyncio.get_running_loop().time() if ended is None else ended)

    def _has_ended(self) -> None:
        if self._process is None or self._descriptor is None:
            return
        asyncio.get_running_loop().remove_reader(self._descriptor)
        self._stop_clock()
        found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        if found is not None:
            self.exit = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        if self._output is not None:
            self._output.read()  # its last words
        self.ended.set()
