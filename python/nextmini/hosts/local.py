"""Dataplane processes on this machine, as children of this one.

Each runs in a session of its own, so that Ctrl-C in a terminal reaches the parent alone, which then stops
them in order; each watches its standard input, so that it ends when the parent is killed. What it writes goes
to a log file.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nextmini.errors import RunError
from nextmini.hosts.exits import describe_exit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ROOT = str(Path(__file__).parents[2])
_CODE = (
    f"import sys; sys.path.insert(0, {_ROOT!r}); "
    "from nextmini.dataplane import main; sys.exit(main(sys.argv[1:]))"
)
PROGRAM = (sys.executable, "-I", "-S", "-c", _CODE)
"""Isolated from the working folder and the environment, so that it is the same Nextmini as this one, and
without what is installed beside it: memory is what limits how many there can be."""

TERMINATE_SECONDS = 3.0
"""How long a process that was told to end by a signal may take before it is killed."""

_LOG_LINES = 5
_LOG_BYTES = 4096
_LINE_LENGTH = 300


def no_options(_process: int) -> Sequence[str]:
    """Nothing further."""
    return ()


@dataclass(frozen=True, slots=True)
class Launch:
    """How the processes are started; `program` is an argument vector without options."""

    url: str
    token_file: Path
    logs: Path
    program: Sequence[str] = PROGRAM
    options: Callable[[int], Sequence[str]] = no_options
    """Further options of a process."""
    fingerprint: str | None = None
    """Of the certificate that the controller shows, if it speaks TLS: no secret, all who connect see it."""

    def log(self, process: int) -> Path:
        """Where the process writes to."""
        return self.logs / f"dataplane-{process}.log"

    def captures(self, process: int) -> Path:
        """Where the process makes its socket for captures: where its experiment's secrets are."""
        return capture_socket(self.token_file.parent, process)


class LocalProcesses:
    """The dataplane processes of one experiment."""

    def __init__(self, launch: Launch, on_death: Callable[[int, str], float | None]) -> None:
        """`on_death` is told the index and the story of a process that ends before `expect_end`.

        It says in how many seconds another one is to be started in its place; None for never.
        """
        self._launch = launch
        self._on_death = on_death
        self._children: dict[int, asyncio.subprocess.Process] = {}
        self._descriptors: dict[int, int] = {}
        self._log_starts: dict[int, int] = {}
        """Where in its log each began: one that takes another's place goes on with it."""
        self._watchers: set[asyncio.Task[None]] = set()
        self._end_expected = asyncio.Event()
        self._sent: set[tuple[int, signal.Signals]] = set()

    async def start(self, count: int) -> None:
        """Starts processes 0 to count - 1. Raises RunError if one cannot be started."""
        for index in range(count):
            await self._start_one(index)

    def expect_end(self) -> None:
        """From now on a process that ends does what it should."""
        self._end_expected.set()

    @property
    def _ending(self) -> bool:
        return self._end_expected.is_set()

    async def wait(self) -> None:
        """Returns when all have ended."""
        while self._watchers:
            await asyncio.wait(self._watchers)

    async def end(self) -> None:
        """Ends what still runs: with SIGTERM, and SIGKILL for who does not heed it."""
        self.expect_end()
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(TERMINATE_SECONDS):
                await self.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Ends what still runs, at once."""
        self.expect_end()
        self._signal(signal.SIGKILL)
        await self.wait()

    def log(self, process: int) -> Path:
        """Where the process writes to."""
        return self._launch.log(process)

    def exit_codes(self) -> dict[int, int | None]:
        """How each ended; None for who still runs, negative for a signal."""
        return {index: child.returncode for index, child in self._children.items()}

    def failures(self) -> dict[int, int]:
        """The exit codes of those that failed: with an error, or by a signal that was not sent here."""
        return {
            index: code
            for index, code in self.exit_codes().items()
            if code not in (0, None) and (index, -code) not in self._sent
        }

    async def _start_one(self, index: int) -> None:
        launch = self._launch
        options = (
            *("--controller", launch.url),
            *("--token-file", str(launch.token_file)),
            *("--process", str(index)),
            *("--captures", str(launch.captures(index))),
            *(() if launch.fingerprint is None else ("--tls-fingerprint", launch.fingerprint)),
            "--exit-with-parent",
            *launch.options(index),
        )
        # Of one that was killed and had the same place.
        launch.captures(index).unlink(missing_ok=True)
        with launch.log(index).open("ab") as log:
            self._log_starts[index] = log.tell()
            try:
                child = await asyncio.create_subprocess_exec(
                    *launch.program,
                    *options,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                raise RunError(f"dataplane process {index} cannot be started: {error}") from error
        self._children[index] = child
        with suppress(ProcessLookupError):  # it has ended already, as the watcher is about to find
            self._descriptors[index] = os.pidfd_open(child.pid)
        watcher = asyncio.create_task(self._watch(index, child))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    def _signal(self, number: signal.Signals) -> None:
        """Signals who still runs.

        Not with asyncio's send_signal: it looks whether the child has ended first, and if so takes its exit
        code away from the one who waits for it.
        """
        for index, descriptor in self._descriptors.items():
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
                self._sent.add((index, number))

    async def _watch(self, index: int, child: asyncio.subprocess.Process) -> None:
        code = await child.wait()
        descriptor = self._descriptors.pop(index, None)
        if descriptor is not None:
            os.close(descriptor)
        if not self._ending:
            words = log_tail(self._launch.log(index), self._log_starts[index])
            await self._replace(index, f"dataplane process {index} {describe_exit(code)}{words}")

    async def _replace(self, index: int, story: str) -> None:
        pause = self._on_death(index, story)
        while pause is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._end_expected.wait()
            if self._ending:
                return
            try:
                return await self._start_one(index)
            except RunError as error:
                pause = self._on_death(index, str(error))


def capture_socket(folder: Path, process: int) -> Path:
    """Where a process makes its socket for captures; `folder` is its experiment's own."""
    return folder / f"capture-{process}"


def log_tail(path: Path, start: int = 0) -> str:
    """The last lines of a log, from `start` on, as the end of a sentence."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(start, file.tell() - _LOG_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError as error:
        return f"; its log cannot be read: {error}"
    lines = [line.strip()[:_LINE_LENGTH] for line in text.splitlines() if line.strip()][-_LOG_LINES:]
    return f"; its last words: {' | '.join(lines)}" if lines else "; it wrote nothing to its log"
