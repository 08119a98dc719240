"""One program inside a node, from its start to its outcome."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from nextmini.errors import RunError
from nextmini.experiment.app_outcomes import AppOutcome, sentence, shell_code
from nextmini.hosts.commands import CommandError
from nextmini.hosts.exits import describe_exit
from nextmini.hosts.listening import until_listening
from nextmini.hosts.local import log_tail
from nextmini.hosts.programs import Command, Program
from nextmini.scenario.units import format_time

if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence
    from pathlib import Path

    from nextmini.hosts.commands import Place
    from nextmini.scenario import App

log = logging.getLogger(__name__)

FOLDER = "apps"
"""Where the logs are in a run folder."""
SHELL = ("/bin/sh", "-c")


def words_of(app: App) -> Sequence[str]:
    """What is executed, as words."""
    return (*SHELL, app.command) if isinstance(app.command, str) else app.command


def environment_of(app: App) -> dict[str, str]:
    """The program's environment."""
    return os.environ | dict(app.env)


class AppRun:
    """One program; `folder` is the run's."""

    def __init__(self, app: App, place: Place, folder: Path) -> None:
        self.app = app
        self._node = place.node
        self._log = folder / FOLDER / f"{app.name}.log"
        awaited = app.ready.text if app.ready is not None and app.ready.kind == "output" else None
        command = Command(place, words_of(app), self._log, environment_of(app), app.cwd)
        self._program = Program(command, awaited)
        self._status: AppOutcome | None = None

    async def start(self) -> None:
        """Starts it. Raises RunError if that is not possible."""
        try:
            self._log.parent.mkdir(exist_ok=True)
            await self._program.start()
        except OSError as error:
            self._fail(None, f"cannot have a log: {error}")
        except RunError as error:
            code = error.exit_code if isinstance(error, CommandError) else None
            self._fail(code, f"cannot be started: {error}")
        log.info("app %s in node %s runs (pid %s)", self.app.name, self._node, self._program.process)

    async def until_ready(self) -> None:
        """Returns when it is ready. Raises RunError if it ends before, or is not ready in time."""
        wanted, program = self.app.ready, self._program
        waits = [asyncio.create_task(wait) for wait in (self._readiness(), program.ended.wait())]
        try:
            done, _ = await asyncio.wait(
                waits, timeout=self.app.ready_within, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in waits:
                task.cancel()
        for task in done:
            task.result()
        if not done:
            within = format_time(self.app.ready_within)
            self._fail(None, f"was not ready ({wanted}) within {within}{self._tail()}")
        if waits[0] not in done and not program.heard:
            told = f"{describe_exit(program.exit or 0)} before it was ready ({wanted}){self._tail()}"
            self._fail(program.exit, told)
        log.info("app %s is ready", self.app.name)

    async def until_ended(self) -> None:
        """Returns when it has ended by itself."""
        await self._program.ended.wait()
        log.info("app %s %s", self.app.name, describe_exit(self._program.exit or 0))
        self._judge()

    def signal(self, number: signal.Signals) -> None:
        """Signals it and what it has started."""
        self._program.signal(number)

    @property
    def group(self) -> int | None:
        """The number of its process group, while that is its own."""
        return self._program.process

    def to_end(self, reason: str) -> None:
        """It is about to be ended, for this `reason`, if it has not ended."""
        if self._program.ended.is_set():
            self._judge()
        elif self._status is None and self._program.process is not None:
            self._status = AppOutcome("stopped", reason=None if self.app.background else reason)

    def close(self) -> None:
        """Lets go of it, when it has ended or was killed."""
        self._program.close()

    def outcome(self) -> AppOutcome | None:
        """What became of it; None if it was never started."""
        if self._status is None:
            return None
        log = f"{FOLDER}/{self._log.name}" if self._log.exists() else None
        return replace(self._status, seconds=self._program.seconds, log=log)

    def notes(self) -> list[str]:
        """What is no failure, and still not as it should be."""
        notes, status = [], self._status
        if self.app.background and status is not None and status.status == "completed" and status.exit:
            told = f"{describe_exit(self._program.exit or 0)} before the run did{self._tail()}"
            notes.append(sentence(self.app.name, self._node, told))
        if self._program.flaw is not None:
            told = f"wrote more than its log could take: {self._program.flaw}"
            notes.append(sentence(self.app.name, self._node, told))
        return notes

    async def _readiness(self) -> None:
        wanted, process = self.app.ready, self._program.process
        if wanted is None or wanted.kind == "output" or process is None:
            await self._program.until_heard()
        else:
            await until_listening(process, wanted.kind, wanted.port)

    def _judge(self) -> None:
        """It has ended by itself."""
        if self._status is not None:
            return
        code, expected = self._program.exit or 0, self.app.expect_exit
        if self.app.background or shell_code(code) == expected:
            self._status = AppOutcome("completed", shell_code(code))
            return
        told = f", and {expected} was expected" if expected else ""
        reason = f"{describe_exit(code)}{told}{self._tail()}"
        self._status = AppOutcome("failed", shell_code(code), reason=reason)

    def _fail(self, code: int | None, reason: str) -> NoReturn:
        """Raises RunError: a run cannot go on without this program."""
        exit = None if code is None else shell_code(code)
        self._status = AppOutcome("failed", exit, reason=reason)
        raise RunError(sentence(self.app.name, self._node, reason))

    def _tail(self) -> str:
        return log_tail(self._log)
