"""Programs inside nodes while a run goes on: started in order, and ended with everything that they started.

Each waits until those before it are ready that say what makes them so. One that cannot be started, that ends
before it is ready or is not ready in time, ends the run.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from nextmini.errors import PrerequisiteError
from nextmini.experiment.app_outcomes import sentence
from nextmini.experiment.app_run import AppRun, environment_of, words_of
from nextmini.hosts.commands import is_there
from nextmini.hosts.groups import until_groups_end

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nextmini.experiment.app_outcomes import AppOutcome
    from nextmini.experiment.interrupt import Interrupt
    from nextmini.hosts.commands import Place
    from nextmini.scenario import Network

END_SECONDS = 3.0
"""How long a program that was told to end may take before it is killed."""


def check_apps(network: Network) -> None:
    """Raises PrerequisiteError, with all that is missing, if there is no such program or folder."""
    found = []
    for app in network.apps:
        node, program = network.node(app.node).name, words_of(app)[0]
        if app.cwd is not None and not os.path.isdir(app.cwd):
            told = sentence(app.name, node, f"is to run in {app.cwd}, which is no folder")
            found.append(f"{told}; make it, or name another one")
        # What has a path may be made by a program that runs before.
        elif not os.path.dirname(program) and not is_there(program, environment_of(app)):
            told = sentence(app.name, node, f"cannot run: there is no program {program!r}")
            found.append(f"{told}; nodes have the programs of this machine, so install it here")
    if found:
        raise PrerequisiteError("\n".join(found))


class Apps:
    """The programs of one run; `places` by the node's name, `folder` is the run's."""

    def __init__(self, network: Network, places: Mapping[str, Place], folder: Path) -> None:
        self._runs = [AppRun(app, places[network.node(app.node).name], folder) for app in network.apps]
        self._tasks: list[asyncio.Task[None]] = []
        self._failing = asyncio.Event()
        self._failure: Exception | None = None

    def start(self) -> None:
        """Starts them, each at its time from now on."""
        began = asyncio.get_running_loop().time()
        before = asyncio.Event()
        before.set()
        for run in self._runs:
            after = asyncio.Event()
            self._tasks.append(asyncio.create_task(self._watch(run, began, before, after)))
            before = after

    async def until_finished(self) -> None:
        """Returns when all have ended that are not in the background. Raises as `until_failed`."""
        pairs = zip(self._tasks, self._runs, strict=True)
        awaited = [task for task, run in pairs if not run.app.background]
        if awaited:
            await asyncio.wait(awaited)
        if self._failing.is_set():
            await self.until_failed()

    async def until_failed(self) -> None:
        """Never returns. Raises RunError when one cannot be started, or does not get ready."""
        await self._failing.wait()
        raise self._failure or RuntimeError("an app has failed without a reason")

    async def end(self, interrupt: Interrupt, reason: str) -> None:
        """Ends all that run: with SIGTERM, and SIGKILL for who does not heed it, or when there is a hurry.

        `reason`: why those were stopped that would have ended by themselves.
        """
        await self._cancel_tasks()
        for run in self._runs:
            run.to_end(reason)
        for run in self._runs:
            run.signal(signal.SIGTERM)
        await interrupt.unless_hastened(self._until_gone(), END_SECONDS)
        await self.close()

    async def close(self) -> None:
        """Ends all at once. Closing twice does nothing."""
        await self._cancel_tasks()
        for run in self._runs:
            run.signal(signal.SIGKILL)
            run.close()

    def outcomes(self) -> dict[int, AppOutcome]:
        """What became of those that were started, by their numbers; for when they have ended."""
        found = {run.app.id: run.outcome() for run in self._runs}
        return {id: outcome for id, outcome in found.items() if outcome is not None}

    def notes(self) -> list[str]:
        """What is no failure, and still not as it should be."""
        return [note for run in self._runs for note in run.notes()]

    async def _watch(self, run: AppRun, began: float, before: asyncio.Event, after: asyncio.Event) -> None:
        app = run.app
        try:
            await before.wait()
            starts_later = app.start > asyncio.get_running_loop().time() - began
            if app.ready is None and starts_later:
                after.set()  # nobody waits for it
            await asyncio.sleep(began + app.start - asyncio.get_running_loop().time())
            await run.start()
            if app.ready is not None:
                await run.until_ready()
            after.set()
            await run.until_ended()
        except Exception as error:  # goes on in who waits for all of them
            self._failure = self._failure or error
            self._failing.set()

    async def _until_gone(self) -> None:
        await until_groups_end({run.group for run in self._runs if run.group is not None})

    async def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
