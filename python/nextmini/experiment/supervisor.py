"""The process of an experiment in the background: `python -m nextmini.experiment.supervisor CHANNEL`.

CHANNEL is the descriptor of a socket to the command that starts it (`nextmini.live.starting`). What to run
comes in through it, pickled: both ends are one installation, and one user. Out go lines of JSON, each an
object with one of the keys

- `phase`: what is being done, a text
- `folder`: the run folder
- `ready`: true: the network is in force, and the channel is closed unless the experiment is to end with it
- `ended`: the exit code, with `errors` and `notes`: it was over before the network was in force

When the other end closes the channel before `ready`, nobody knows of the experiment, so it ends. It does so
later too if it is somebody's own ("attached"): a program that runs it may end in any way.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import socket
import sys
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nextmini.errors import NextminiError
from nextmini.experiment.interrupt import Interrupt
from nextmini.experiment.run import run_scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nextmini.controller import Progress
    from nextmini.experiment.options import RunOptions
    from nextmini.scenario import Network


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what comes in through the channel to its end; returns the exit code."""
    (channel,) = sys.argv[1:] if arguments is None else arguments
    return asyncio.run(_supervise(socket.socket(fileno=int(channel))))


async def _supervise(channel: socket.socket) -> int:
    interrupt = Interrupt()
    with interrupt.on_signals():
        reader, writer = await asyncio.open_connection(sock=channel)
        starter = Starter(writer)
        try:
            network, options, starter.attached = await _assignment(reader)
        except asyncio.IncompleteReadError:
            return 0
        lifeline = asyncio.create_task(_end_with(reader, starter, interrupt))
        try:
            code = await _run(network, options, interrupt, starter)
            await starter.goodbye()
        finally:
            lifeline.cancel()
    return code


async def _run(network: Network, options: RunOptions, interrupt: Interrupt, starter: Starter) -> int:
    try:
        outcome = await run_scenario(network, options, interrupt, starter)
    except NextminiError as error:
        starter.ended(error.exit_code, [str(error)], [])
        return error.exit_code
    starter.ended(outcome.exit_code, outcome.problems, outcome.notes)
    return outcome.exit_code


async def _assignment(reader: asyncio.StreamReader) -> tuple[Network, RunOptions, bool]:
    size = int.from_bytes(await reader.readexactly(8), "big")
    assignment: tuple[Network, RunOptions, bool]
    assignment = pickle.loads(await reader.readexactly(size))  # noqa: S301 - from the one who started us
    return assignment


async def _end_with(reader: asyncio.StreamReader, starter: Starter, interrupt: Interrupt) -> None:
    """Ends the experiment when whoever started it goes away: for good, or without having heard that it is
    ready."""
    with suppress(ConnectionError):
        await reader.read()
    if not starter.left:
        # Who has said goodbye may still listen.
        starter.left = not starter.attached
        if not interrupt.requested:
            interrupt.request()


class Starter:
    """The command that waits for the network to be in force, as an Observer of the run."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.left = False
        """Whether nobody listens any more."""
        self.attached = False
        """Whether the experiment is to end with the channel."""
        self._writer = writer

    def phase(self, text: str) -> None:
        """See Observer."""
        log(text)
        self._tell(phase=text)

    def folder_made(self, folder: Path) -> None:
        """From here on what this process writes goes into the run folder, and what it has written too."""
        said = os.pread(2, os.fstat(2).st_size, 0)
        with (folder / "logs" / "supervisor.log").open("ab", buffering=0) as file:
            file.write(said)
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        self._tell(folder=str(folder))

    def flows_started(self, progress: Callable[[], Progress]) -> None:
        """See Observer."""
        log("the network is in force")
        self._tell(ready=True)
        if not self.attached:
            self.left = True
            self._writer.close()

    def ended(self, code: int, errors: Sequence[str], notes: Sequence[str]) -> None:
        """It is over."""
        for text in (*(f"error: {error}" for error in errors), *(f"note: {note}" for note in notes)):
            log(text)
        log(f"the end, with exit code {code}")
        self._tell(ended=code, errors=list(errors), notes=list(notes))

    async def goodbye(self) -> None:
        """Returns when everything has been said, or nobody listens."""
        with suppress(ConnectionError):
            await self._writer.drain()
            self._writer.close()
            await self._writer.wait_closed()

    def _tell(self, **said: Any) -> None:
        if not self.left:
            self._writer.write(json.dumps(said).encode() + b"\n")


def log(text: str) -> None:
    """A line for supervisor.log."""
    sys.stderr.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {text}\n")


if __name__ == "__main__":
    sys.exit(main())
