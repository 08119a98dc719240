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

from nextmini.errors import Problem, RunError, ScenarioError
from nextmini.experiment import happenings, resuming
from nextmini.experiment.algorithms import Algorithms, check_algorithms
from nextmini.experiment.collector import seldom
from nextmini.experiment.ending import (
    EXPORT_SECONDS,
    STOP_SECONDS,
    export,
    fidelity_of,
    paths_of,
    restarts_of_database,
)
from nextmini.experiment.folder import RunFolder, run_id
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
    from nextmini.experiment.options import RunOptions, Status
    from nextmini.experiment.preparation import Opened
    from nextmini.scenario import Network, Scenario
    from nextmini.store import AlgorithmState

log = logging.getLogger(__name__)

IN_FORCE = "the network is in force"
"""In the log, as soon as that is so."""


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

    With a run folder it ends with the experiment's duration too, and has a report as other runs, also if what
    the scenario wants cannot be or a process is lost for good.

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
    before = resuming.find(folder, network, scenario, options.home)
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
            opened = await open_controller(run, stack, strict=options.has_folder, before=before)
            report = _report_folder(run, stack)
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
                pass  # there is a report all the same
            except RunError as error:
                if report is None:
                    raise
                log.error("%s", error)
                run.problems.append(str(error))
            run.ended_at = asyncio.get_running_loop().time()
            await _finish(run, opened, algorithms, report)
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


def _report_folder(run: RunState, stack: AsyncExitStack) -> RunFolder | None:
    """The run folder, if there is to be one, which keeps the log while `stack` is open."""
    if not run.options.has_folder:
        return None
    folder = RunFolder.open(run.options.runs_dir, run.id, run.scenario)
    stack.enter_context(folder.controller_log())
    return folder


async def _serve(run: RunState, opened: Opened, algorithms: Algorithms) -> None:
    """Returns at the end of an experiment that has one; raises what the controller fails with."""
    controller = opened.controller
    last = asyncio.create_task(_until_over(run, controller))
    tasks = [last, asyncio.create_task(controller.until_failed())]
    if run.network.algorithms:
        tasks.append(asyncio.create_task(_start_algorithms(controller, algorithms)))
    try:
        while last in tasks:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
                tasks.remove(task)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_over(run: RunState, controller: Controller) -> None:
    """Returns when the experiment's duration is over. Raises as Controller.until_started."""
    await controller.until_started()
    if run.began is None:
        run.ready_at = asyncio.get_running_loop().time()
    log.info(IN_FORCE)
    # Without a report nobody would know what there was.
    if run.network.duration is None or not run.options.has_folder:
        return await controller.until_failed()
    await asyncio.sleep(run.network.duration - _seconds_before(run))
    log.info("the duration of the experiment is over")
    return None


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


async def _finish(run: RunState, opened: Opened, algorithms: Algorithms, folder: RunFolder | None) -> None:
    controller = opened.controller
    # First of all, or they would take the end for something to be dealt with.
    await run.interrupt.unless_hastened(algorithms.end(), STOP_SECONDS)
    await algorithms.close()
    await run.interrupt.unless_hastened(controller.stop_processes(), STOP_SECONDS)
    controller.end_flows(run.problems[0] if run.problems else "the controller was stopped")
    await controller.close()
    run.notes += restarts_of_database(opened.guard.restarts)
    paths = paths_of(run.network, controller)
    run.notes += [text for _, text in findings(paths)]
    facts = Facts(
        run.id,
        None if folder is None else folder.path,
        "interrupted" if folder is None else _status(run, controller),
        run.seconds,
        controller.events.outcomes(),
        fidelity_of(run.network, controller),
        routes=tuple(controller.view.routes.values()),
        algorithms=algorithms.states(),
        notes=run.notes,
        paths=paths,
    )
    result = document(run.network, facts, controller.flows.flows, controller.counters)
    await opened.store.finish_run(run.id, facts.status, json.dumps(result))
    if folder is not None:
        folder.write_result(result)
        work = export(run, opened.store, controller, folder)
        if not await run.interrupt.unless_hastened(work, EXPORT_SECONDS):
            log.warning("the time series were not written: there was no time")


def _status(run: RunState, controller: Controller) -> Status:
    """Of a run that somebody ends when he likes, as of one of `nextmini up`."""
    failed = (
        run.problems or controller.flows.failed or happenings.problems(controller.events.outcomes().values())
    )
    return "failed" if failed else "passed"
