"""Starting an experiment in the background, and waiting until its network is in force."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextmini.experiment.interrupt import Interrupted
from nextmini.experiment.options import EXIT_CODES
from nextmini.hosts.exits import describe_exit
from nextmini.hosts.local import log_tail
from nextmini.live.processes import end
from nextmini.store.leftovers import held

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.experiment import Interrupt, RunOptions
    from nextmini.scenario import Network

PROGRAM = (sys.executable, "-I", "-m", "nextmini.experiment.supervisor")
"""Isolated from the working folder and the environment, so that it is the same Nextmini as this one."""


_LONGEST_LINE = 2**20


@dataclass(slots=True)
class Started:
    """What came of it: `exit_code` is None while the experiment runs."""

    pid: int
    folder: Path | None = None
    exit_code: int | None = None
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def start(
    network: Network,
    options: RunOptions,
    interrupt: Interrupt,
    tell: Callable[[str], None],
    hold: Callable[[socket.socket, subprocess.Popen[bytes]], None] | None = None,
) -> Started:
    """Starts a process that runs `network` until it is stopped; returns when that is in force, or over.

    `tell` hears what is being done. When interrupted, it takes everything down again before it returns.
    `hold` is given a socket without which the experiment ends, and the process, before that is waited for.
    """
    ours, theirs = socket.socketpair()
    said = os.memfd_create("supervisor")
    try:
        with theirs:
            process = _spawn(theirs.fileno(), said)
        if hold is not None:
            hold(ours.dup(), process)
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_LINE)
        try:
            assignment = (network, options, hold is not None)
            return await _Start(process, reader, writer, said).follow(assignment, interrupt, tell)
        finally:
            writer.close()
    finally:
        os.close(said)


def _spawn(channel: int, said: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own program
        [*PROGRAM, str(channel)],
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        pass_fds=[channel],
        start_new_session=True,
    )


class _Start:
    """One start; `said` is a file with what the process wrote before it had a run folder."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        said: int,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._said = said
        self._started = Started(process.pid)

    async def follow(self, assignment: object, interrupt: Interrupt, tell: Callable[[str], None]) -> Started:
        """See `start`."""
        try:
            await interrupt.guard(self._assign(assignment))
            if await interrupt.guard(self._ready(tell)):
                self._process.returncode = 0  # it runs on, which Popen's destructor would warn about
                return self._started
            code = self._process.wait()
        except Interrupted:
            tell("taking it down again; interrupt again to hurry")
            await self._take_down(interrupt)
            self._started.exit_code = EXIT_CODES["interrupted"]
        else:
            self._account_for(code)
        return self._started

    async def _assign(self, assignment: object) -> None:
        data = pickle.dumps(assignment)
        with suppress(ConnectionError):  # it has died, as is about to be found
            self._writer.write(len(data).to_bytes(8, "big") + data)
            await self._writer.drain()

    async def _ready(self, tell: Callable[[str], None]) -> bool:
        """Takes in what the process says until it is ready; False if it ends instead."""
        with suppress(ConnectionError):
            while line := await self._reader.readline():
                said = json.loads(line)
                if "ready" in said:
                    return True
                self._hear(said, tell)
        return False

    def _hear(self, said: dict[str, Any], tell: Callable[[str], None]) -> None:
        if "phase" in said:
            tell(said["phase"])
        elif "folder" in said:
            self._started.folder = Path(said["folder"])
        else:
            self._started.exit_code = said["ended"]
            self._started.errors, self._started.notes = said["errors"], said["notes"]

    async def _take_down(self, interrupt: Interrupt) -> None:
        with held(self._process.pid) as process:
            if process is not None:
                await end(process, interrupt)
        await self._ready(lambda _: None)  # its last words
        self._process.wait()

    def _account_for(self, code: int) -> None:
        """The process has ended; without a word, if it has not said why."""
        if self._started.exit_code is not None:
            return
        self._started.exit_code = 1
        if self._started.folder is not None:
            words = log_tail(self._started.folder / "logs" / "supervisor.log")
        else:
            words = log_tail(Path(f"/proc/self/fd/{self._said}"))
        self._started.errors.append(f"the experiment's process {describe_exit(code)}{words}")
