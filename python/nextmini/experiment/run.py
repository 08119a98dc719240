"""One run, from its start to its report.

```
hold the name, start the database, claim the experiment, open the port      refused: nothing was started
write the rows, start the processes                                         from here on there is a report
wait until the network is ready, wait for the end                           or for a failure, or an interrupt
stop the processes, collect what they say, write the report, clean up       always
```
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from nextmini.errors import DatabaseError, NextminiError, Problem, RunError, ScenarioError
from nextmini.experiment import ending
from nextmini.experiment.collector import seldom
from nextmini.experiment.folder import run_id
from nextmini.experiment.interrupt import Interrupt, Interrupted
from nextmini.experiment.observer import Observer, Silent
from nextmini.experiment.options import Outcome, RunOptions
from nextmini.experiment.preparation import prepare
from nextmini.experiment.state import RunState
from nextmini.scenario import Network, Scenario, dump, resolve
from nextmini.scenario.fields import ExperimentName

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nextmini.experiment.state import Parts

START_SECONDS = 60.0
START_SECONDS_A_NODE = 0.01
"""How long a network may take to be ready."""


async def run_scenario(
    source: Scenario | Network,
    options: RunOptions | None = None,
    interrupt: Interrupt | None = None,
    observer: Observer | None = None,
) -> Outcome:
    """Runs a scenario to its end and prints nothing.

    What goes wrong once the experiment has begun is part of the outcome. Raises ScenarioError,
    PrerequisiteError, DatabaseError or ControllerError if it cannot begin; then nothing is left behind.
    """
    options = options or RunOptions()
    network = named_network(source, options.name)
    check_here(network)
    with seldom():
        return await _run(network, options, interrupt, observer)


async def _run(
    network: Network, options: RunOptions, interrupt: Interrupt | None, observer: Observer | None
) -> Outcome:
    run = RunState(
        id=run_id(network.name, datetime.now().astimezone()),
        network=network,
        scenario=dump(network),
        options=options,
        interrupt=interrupt or Interrupt(),
        observer=observer or Silent(),
    )
    try:
        async with AsyncExitStack() as stack:
            await _live(run, stack)
            await ending.report(run)
    except NextminiError as error:
        if run.document is None:
            raise
        run.notes.append(f"while cleaning up: {error}")
    return ending.outcome(run)


def named_network(source: Scenario | Network, name: str | None) -> Network:
    """The network of a scenario, under another name if one is given.

    Raises ScenarioError if an experiment cannot have that name.
    """
    network = source if isinstance(source, Network) else resolve(source)
    if name is None:
        return network
    try:
        return replace(network, name=TypeAdapter(ExperimentName).validate_python(name))
    except ValidationError as error:
        first = error.errors()[0]
        remedy = first.get("ctx", {}).get("remedy")
        raise ScenarioError([Problem("command line", None, "--name", first["msg"], remedy)]) from None


def check_here(network: Network) -> None:
    """Raises ScenarioError if processes of the network are started elsewhere, by others."""
    if network.sites:
        message = "this starts dataplane processes here, and those of sites are started there"
        remedy = "use `nextmini controller FILE`, which tells what to run at each site"
        raise ScenarioError([Problem("command line", None, "sites", message, remedy)])


async def _live(run: RunState, stack: AsyncExitStack) -> None:
    """Everything up to the moment when all processes have stopped."""
    try:
        run.parts = await prepare(run, stack)
        await _begin(run, run.parts)
        await _watch(run, run.parts)
    except Interrupted:
        pass  # `run.interrupt` remembers; what there is, is reported
    except NextminiError as error:
        if not run.begun:
            raise
        if not run.deaths:
            run.problems.append(_story(error))
    run.ended_at = asyncio.get_running_loop().time()
    if run.parts is not None:
        await ending.stop(run, run.parts)


async def _begin(run: RunState, parts: Parts) -> None:
    """Writes the rows and starts the processes."""
    guard, count = run.interrupt.guard, run.network.processes
    run.observer.phase("writing the network")
    await guard(parts.store.begin_run(run.id, run.network, run.scenario))
    run.begun = True
    parts.controller.start()
    # So that it knows what a process that dies right away was to host.
    await guard(parts.controller.until_loaded())
    run.observer.phase(f"starting {count} dataplane process{'es' if count > 1 else ''}")
    await guard(parts.processes.start(count))


async def _watch(run: RunState, parts: Parts) -> None:
    """Returns at the experiment's end. Raises RunError, DatabaseError or Interrupted before it."""
    run.observer.phase("setting up nodes and links")
    patience = START_SECONDS + START_SECONDS_A_NODE * len(run.network.nodes)
    ready = parts.controller.until_started
    if run.network.algorithms:
        await _start_algorithms(run, parts, patience)
    if not await run.interrupt.guard(_before_failure(run, parts, ready, patience)):
        raise RunError(_unready(run, parts, patience))
    run.ready_at = asyncio.get_running_loop().time()
    parts.register()
    run.observer.flows_started(parts.controller.progress)
    parts.apps.start()
    await run.interrupt.guard(_before_failure(run, parts, _end_of(run, parts), None))


async def _start_algorithms(run: RunState, parts: Parts, patience: float) -> None:
    """What they decide at their start is in force when this returns. Raises as `_watch`."""
    in_force = parts.controller.until_in_force
    if not await run.interrupt.guard(_before_failure(run, parts, in_force, patience)):
        raise RunError(_unready(run, parts, patience))
    run.observer.phase("starting algorithms")
    await run.interrupt.guard(_before_failure(run, parts, parts.algorithms.start, None))
    await run.interrupt.guard(_before_failure(run, parts, parts.controller.let_flows_go, None))


def _end_of(run: RunState, parts: Parts) -> Callable[[], Awaitable[None]]:
    """What ends a run that nothing befalls."""
    if run.network.duration is not None:
        return partial(asyncio.sleep, run.network.duration)
    if run.options.until == "stopped":
        return parts.controller.until_failed
    return partial(_until_finished, parts)


async def _until_finished(parts: Parts) -> None:
    """Returns when all programs and flows have ended that end by themselves."""
    await parts.apps.until_finished()
    await parts.controller.until_finished()


async def _before_failure(
    run: RunState, parts: Parts, work: Callable[[], Awaitable[None]], patience: float | None
) -> bool:
    """Waits for `work`; returns whether it was done within `patience` seconds.

    Raises RunError when a process or a program fails first, and whatever the controller fails with.
    """
    failures = (parts.controller.until_failed(), parts.apps.until_failed())
    waits = (work(), run.death.wait(), *failures)
    tasks: list[asyncio.Future[object]] = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if run.deaths:
        raise RunError(run.deaths[0])
    for task in done:
        task.result()
    return bool(done)


def _unready(run: RunState, parts: Parts, patience: float) -> str:
    connected = parts.controller.progress().connected
    return (
        f"the network was not ready within {patience:.0f} seconds: "
        f"{connected} of {run.network.processes} dataplane processes are connected; "
        f"not in force: {parts.controller.describe_waiting()}"
    )


def _story(error: NextminiError) -> str:
    if isinstance(error, DatabaseError):
        return f"the database was lost while the experiment ran: {error}"
    return str(error)
