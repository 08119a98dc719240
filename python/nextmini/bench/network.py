"""Networks that are in force while something else is measured on them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from nextmini.errors import RunError
from nextmini.experiment import Interrupt
from nextmini.experiment.observer import Silent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from nextmini.bench.running import Bench
    from nextmini.controller import Progress
    from nextmini.experiment import Outcome
    from nextmini.scenario import Scenario

T = TypeVar("T")


class _Started(Silent):
    """Tells when the network is in force."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def flows_started(self, progress: Callable[[], Progress]) -> None:
        """See Observer."""
        self.event.set()


@asynccontextmanager
async def in_force(bench: Bench, scenario: Scenario, what: str) -> AsyncIterator[asyncio.Future[None]]:
    """The network of a scenario, up to the end of the context.

    What it gives never returns, but raises RunError when the network is gone; see `unless`. Raises as
    `Bench.begin`, RunError, Interrupted.
    """
    stop, started = Interrupt(), _Started()
    run = asyncio.ensure_future(bench.begin(scenario, stop, started))
    lost = asyncio.ensure_future(_lost(run, what))
    try:
        await bench.interrupt.guard(unless(lost, started.event.wait()))
        yield lost
    finally:
        stop.request()
        if not await bench.interrupt.unless_hastened(_ended(run)):
            stop.request()
            await _ended(run)
        lost.cancel()
        await asyncio.wait([lost])
    problems = run.result().problems
    if problems:
        raise RunError(f"measuring {what} failed: {problems[0]}")


async def unless(lost: asyncio.Future[None], work: Coroutine[object, object, T]) -> T:
    """What `work` returns, unless `lost` raises before that; `lost` goes on."""
    task = asyncio.ensure_future(work)
    try:
        both: set[asyncio.Future[object]] = {task, lost}  # type: ignore[arg-type]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            lost.result()
        return await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _lost(run: asyncio.Future[Outcome], what: str) -> None:
    outcome = await asyncio.shield(run)
    reason = outcome.problems[0] if outcome.problems else "the network ended"
    raise RunError(f"measuring {what} failed: {reason}")


async def _ended(run: asyncio.Future[Outcome]) -> None:
    await asyncio.wait([run])
