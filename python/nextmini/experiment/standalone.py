"""A controller by itself, for dataplane processes that somebody else starts."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING

from nextmini.errors import Problem, ScenarioError
from nextmini.experiment import resuming
from nextmini.experiment.algorithms import Algorithms, check_algorithms
from nextmini.experiment.collector import seldom
from nextmini.experiment.ending import STOP_SECONDS, fidelity_of, paths_of, restarts_of_database
from nextmini.experiment.folder import run_id
from nextmini.experiment.interrupt import Interrupted
from nextmini.experiment.observer import Silent
from nextmini.experiment.paths import findings
from nextmini.experiment.preparation import open_controller
from nextmini.experiment.result import Facts, document
from nextmini.experiment.resuming import Note
from nextmini.experiment.run import named_network
from nextmini.experiment.state import RunState
from nextmini.scenario import dump
from nextmini.store import StateFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from nextmini.controller import Controller
    from nextmini.experiment.interrupt import Interrupt
    from nextmini.experiment.options import RunOptions
    from nextmini.experiment.preparation import Opened
    from nextmini.scenario import Network, Scenario
    from nextmini.store import AlgorithmState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """A controller that listens: its URL on this machine, the file with its token, and what it shows."""

    url: str
    token_file: Path
    fingerprint: str | None
    """SHA-256 of its certificate; None without TLS."""
    everywhere: bool
    """Whether other machines reach it too, at any address of this one."""
    joins: Mapping[str, str]
    """What to run at each site."""


async def serve_scenario(
    source: Scenario | Network,
    options: RunOptions,
    interrupt: Interrupt,
    ready: Callable[[Ready], None],
) -> list[str]:
    """Runs a controller until it is interrupted; `ready` is told when it listens.

    The run of a controller of this scenario that was killed, or had a defect, goes on. Processes that are
    connected at the end are told to stop. Returns what its user should know of the run. Raises ScenarioError,
    PrerequisiteError, DatabaseError (also when the database goes away later) or ControllerError.
    """
    network = named_network(source, options.name)
    if network.apps:
        remedy = "use `nextmini run` or `nextmini up`, or remove [[apps]]"
        raise ScenarioError(
            [Problem("command line", None, "apps", "a controller by itself starts no programs", remedy)]
        )
    check_algorithms(network)
    scenario = dump(network)
    folder = StateFolder.locate(options.state_dir).folder(network.name)
    before = resuming.find(folder, network, scenario)
    run = RunState(
        id=before.run if before else run_id(network.name, datetime.now().astimezone()),
        network=network,
        scenario=scenario,
        options=replace(options, how="controller"),
        interrupt=interrupt,
        observer=Silent(),
    )
    try:
        async with AsyncExitStack() as stack:
            stack.enter_context(seldom())
            opened = await open_controller(run, stack, strict=False, before=before)
            algorithms = await _begin(run, opened, before)
            stack.push_async_callback(algorithms.close)
            opened.register()
            fingerprint = None if opened.tls is None else opened.tls.fingerprint
            url, joins = opened.controller.url, opened.controller.joins()
            ready(Ready(url, opened.token_file, fingerprint, _everywhere(network.listen), joins))
            run.ready_at = asyncio.get_running_loop().time() - _seconds_before(run)
            try:
                await interrupt.guard(_serve(run, opened, algorithms))
            except Interrupted:
                run.ended_at = asyncio.get_running_loop().time()
                await _finish(run, opened, algorithms)
    except Interrupted:
        if before is not None:
            run.notes.append(f"interrupted before it went on with run {run.id}, which is left as it was")
    return run.notes


async def _begin(run: RunState, opened: Opened, before: Note | None) -> Algorithms:
    """Begins the run, or notes that another controller goes on with it."""
    store, folder, guard = opened.store, opened.token_file.parent, run.interrupt.guard
    known: dict[str, AlgorithmState] = {}
    if before is None:
        await guard(store.begin_run(run.id, run.network, run.scenario))
        Note.of(run.id, opened.controller.url, run.scenario).write(folder)
        opened.controller.start()
    else:
        again = replace(before, restarts=before.restarts + 1)
        again.write(folder)
        run.notes += resuming.restarted(again.restarts)
        known = {state.name: state for state in await guard(store.algorithm_states())}
    return Algorithms(store, opened.dsn, run.network, None, known)


async def _serve(run: RunState, opened: Opened, algorithms: Algorithms) -> None:
    """Never returns; raises what the controller fails with."""
    controller = opened.controller
    tasks = [asyncio.create_task(controller.until_failed())]
    if run.network.algorithms:
        tasks.append(asyncio.create_task(_start_algorithms(controller, algorithms)))
    try:
        while True:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
                tasks.remove(task)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _start_algorithms(controller: Controller, algorithms: Algorithms) -> None:
    """Processes that somebody else starts may be long in coming: nobody waits impatiently."""
    await controller.until_in_force()
    log.info("starting algorithms")
    await algorithms.start()
    await controller.let_flows_go()


def _seconds_before(run: RunState) -> float:
    """How long the run had lasted when this process took it over."""
    return (datetime.now().astimezone() - run.began).total_seconds() if run.began else 0.0


def _everywhere(listen: str) -> bool:
    host = listen.rpartition(":")[0].strip("[]")
    return host != "localhost" and ip_address(host).is_unspecified


async def _finish(run: RunState, opened: Opened, algorithms: Algorithms) -> None:
    controller = opened.controller
    # First of all, or they would take the end for something to be dealt with.
    await run.interrupt.unless_hastened(algorithms.end(), STOP_SECONDS)
    await algorithms.close()
    await run.interrupt.unless_hastened(controller.stop_processes(), STOP_SECONDS)
    controller.end_flows("the controller was stopped")
    await controller.close()
    events, fidelity = controller.events.outcomes(), fidelity_of(run.network, controller)
    run.notes += restarts_of_database(opened.guard.restarts)
    paths = paths_of(run.network, controller)
    run.notes += [text for _, text in findings(paths)]
    facts = Facts(
        run.id,
        None,
        "interrupted",
        run.seconds,
        events,
        fidelity,
        routes=tuple(controller.view.routes.values()),
        algorithms=algorithms.states(),
        notes=run.notes,
        paths=paths,
    )
    result = document(run.network, facts, controller.flows.flows, controller.counters)
    await opened.store.finish_run(run.id, "interrupted", json.dumps(result))
