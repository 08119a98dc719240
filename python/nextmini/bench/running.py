"""Runs that are measurements: all went well, or it is none."""

from __future__ import annotations

import tempfile
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nextmini.errors import ControllerError, RunError
from nextmini.experiment import RunOptions, run_scenario
from nextmini.experiment.interrupt import Interrupted
from nextmini.hosts.local import PROGRAM
from nextmini.store import StateFolder, embedded_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from nextmini.experiment import Interrupt, Outcome
    from nextmini.experiment.observer import Observer
    from nextmini.scenario import Scenario

EXPERIMENT = "bench"
"""All benchmarks run under this name, since two at once would measure each other."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where benchmarks run; `folder` is gone after them."""

    folder: Path
    interrupt: Interrupt

    async def run(
        self,
        scenario: Scenario,
        what: str,
        watch_us: int = 10_000,
        observer: Observer | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> Outcome:
        """A run all of whose flows have completed with bytes to show for it; `what` was to be measured.

        `program` is the dataplane's, as `RunOptions` has it.

        Raises RunError if that is not so, Interrupted, and whatever keeps a run from beginning.
        """
        options = RunOptions(runs_dir=self.folder, export=False, watch_us=watch_us, program=program)
        with one_at_a_time():
            outcome = await run_scenario(scenario, options, self.interrupt, observer)
        _completed(outcome, what)
        return outcome

    async def begin(self, scenario: Scenario, stop: Interrupt, observer: Observer) -> Outcome:
        """A run that goes on until `stop`; how it went is for the caller to judge.

        Raises whatever keeps a run from beginning.
        """
        options = RunOptions(runs_dir=self.folder, export=False, until="stopped")
        with one_at_a_time():
            return await run_scenario(scenario, options, stop, observer)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Tells who meets another benchmark to wait for it."""
    try:
        yield
    except ControllerError as error:
        raise ControllerError(
            error.message, "wait for the other benchmark to end: two at once would disturb each other"
        ) from error


@asynccontextmanager
async def prepared(interrupt: Interrupt) -> AsyncIterator[Bench]:
    """A database server for all runs, and a place for what they write."""
    async with AsyncExitStack() as stack:
        # Held throughout: a server that starts and stops would be part of the measurement.
        server = embedded_server(StateFolder.locate(None).path)
        await interrupt.guard(stack.enter_async_context(server))
        yield stack.enter_context(bench_folder(interrupt))


@contextmanager
def bench_folder(interrupt: Interrupt) -> Iterator[Bench]:
    """A place for what runs write, each of which starts whatever else it needs."""
    with tempfile.TemporaryDirectory(prefix="nextmini-bench-") as folder:
        yield Bench(Path(folder), interrupt)


def _completed(outcome: Outcome, what: str) -> None:
    if outcome.status == "interrupted":
        raise Interrupted
    flows = outcome.document["flows"]
    reasons = list(outcome.problems)
    reasons += [f"{flow['name']}: {flow['reason']}" for flow in flows if flow["status"] != "completed"]
    reasons += [f"{flow['name']} delivered nothing" for flow in flows if flow["bytes"] == 0]
    if reasons:
        raise RunError(f"measuring {what} failed: {reasons[0]}")
