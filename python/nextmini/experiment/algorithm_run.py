"""One algorithm from its start to its end: its process, started again when it fails, if it is to be."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from nextmini import deaths
from nextmini.errors import DatabaseError, RunError
from nextmini.hosts.algorithm_process import AlgorithmProcess
from nextmini.hosts.exits import describe_exit
from nextmini.hosts.local import log_tail
from nextmini.hosts.restarts import Restarts
from nextmini.store import AlgorithmState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import IO

    from nextmini.runner.assignment import Assignment
    from nextmini.store import Store

log = logging.getLogger(__name__)

OnFailure = Literal["restart", "stop"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How its process ended: `reason` says why, of one that failed."""

    reason: str
    failed: bool


def _again(state: AlgorithmState, reason: str) -> AlgorithmState:
    """The state of one that is started once more."""
    return replace(state, restarts=state.restarts + 1, reason=reason)


class AlgorithmRun:
    """One algorithm on an experiment.

    `log_file` is where it writes to, None for our standard error. `heard` is told, as sentences, what
    becomes of it. `known` is how it stood when the controller was killed that had started it.
    """

    def __init__(
        self,
        store: Store,
        assignment: Assignment,
        on_failure: OnFailure,
        log_file: Path | None,
        heard: Callable[[str], None] = log.warning,
        known: AlgorithmState | None = None,
    ) -> None:
        self.state = AlgorithmState(assignment.name, assignment.use, "running")
        if known is not None:
            self.state = known if known.status != "running" else _again(known, "the controller was killed")
        self.ended_because = ""
        """Why it ended by itself, if it did and has not failed."""
        self._store = store
        self._assignment = assignment
        self._on_failure = on_failure
        self._log_file = log_file
        self._heard = heard
        self._restarts = Restarts()
        self._process: AlgorithmProcess | None = None
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()

    async def until_ready(self) -> None:
        """Returns when what it decided at its start is committed, or it has ended for good."""
        await self._ready.wait()

    async def run(self) -> None:
        """Returns when it has ended for good: `state` says how."""
        try:
            await self._publish(self.state)
            while self.state.status == "running":
                ending = await self._once()
                if not ending.failed or self._stopping.is_set():
                    self.ended_because = ending.reason
                    return await self._publish(replace(self.state, status="stopped"))
                pause = self._pause()
                if pause is None:
                    return await self._give_up(ending.reason)
                again = _again(self.state, ending.reason)
                self._heard(f"algorithm {again.name} failed: {ending.reason}; it is started again")
                await self._publish(again)
                try:
                    async with asyncio.timeout(pause):
                        await self._stopping.wait()
                except TimeoutError:
                    continue
                return await self._publish(replace(self.state, status="stopped"))
        finally:
            self._ready.set()

    async def stop(self) -> None:
        """Ends its process in order; `run` returns then."""
        self._stopping.set()
        if self._process is not None:
            await self._process.stop()

    def kill(self) -> None:
        """Ends its process at once."""
        self._stopping.set()
        if self._process is not None:
            self._process.kill()

    def _pause(self) -> float | None:
        """In how many seconds it is started again; None for never."""
        if self._on_failure == "stop":
            return None
        return self._restarts.pause(0, asyncio.get_running_loop().time())

    async def _give_up(self, reason: str) -> None:
        if self._on_failure == "restart":
            reason = f"{reason}; it has failed {deaths.WORDS}"
        self._heard(f"algorithm {self.state.name} failed: {reason}")
        await self._publish(replace(self.state, status="failed", reason=reason))

    async def _once(self) -> Ending:
        """One process, from its start to its end."""
        file: IO[bytes] | None = None
        try:
            if self._log_file is not None:
                file = self._log_file.open("ab")
            begins = 0 if file is None else file.tell()
            self._process = await AlgorithmProcess.start(self._assignment, 2 if file is None else file)
        except (OSError, RunError) as error:
            return Ending(str(error), True)
        finally:
            if file is not None:
                file.close()
        if self._stopping.is_set():
            self._process.kill()
        last: dict[str, Any] = {}
        async for said in self._process.said():
            last = said
            self._take(said)
        code = await self._process.end()
        self._process = None
        if "failed" in last:
            return Ending(str(last["failed"]), True)
        if code == 0:
            return Ending(str(last.get("ended", "it was stopped")), False)
        tail = "" if self._log_file is None else log_tail(self._log_file, begins)
        return Ending(f"its process {describe_exit(code)}{tail}", True)

    def _take(self, said: dict[str, Any]) -> None:
        if "started" in said:
            self._ready.set()
        if "decisions" in said:
            decisions = self.state.decisions + said["decisions"]
            self.state = replace(self.state, decisions=decisions, last_ms=said["ms"])

    async def _publish(self, state: AlgorithmState) -> None:
        self.state = replace(state, decisions=self.state.decisions, last_ms=self.state.last_ms)
        try:
            await self._store.write_algorithm_state(self.state)
        except DatabaseError as error:
            log.warning("the state of algorithm %s is not in the database: %s", state.name, error)
