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
from nextmini.experiment.ending import EXPORT_SECONDS, STOP_SECONDS, export, fidelity_of
from nextmini.experiment.folder import RunFolder, run_id
from nextmini.experiment.interrupt import Interrupted
from nextmini.experiment.observer import Silent
from nextmini.experiment.preparation import open_controller
from nextmini.experiment.result import Facts, document
from nextmini.experiment.resuming import Note
from nextmini.experiment.run import named_network
from nextmini.experiment.state import RunState
from nextmini.scenario import dump
from nextmini.store import StateFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nextmini.controller import Controller
    from nextmini.experiment.interrupt import Interrupt
    from nextmini.experiment.options import RunOptions, Status
    from nextmini.experiment.preparation import Opened
    from nextmini.scenario import Network, Scenario


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


async def serve_scenario(
    source: Scenario | Network,
    options: RunOptions,
    interrupt: Interrupt,
    ready: Callable[[Ready], None],
) -> None:
    """Runs a controller until it is interrupted; `ready` is told when it listens.

    With a run folder it ends with the experiment's duration too, and has a report as other runs, also if what
    the scenario wants cannot be or a process is lost for good. The run of a controller of this scenario that
    was killed goes on. Processes that are connected at the end are told to stop. Raises ScenarioError,
    PrerequisiteError, DatabaseError (also when the database goes away later) or ControllerError.
    """
    network = named_network(source, options.name)
    _check(network)
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
    async with AsyncExitStack() as stack:
        try:
            opened = await open_controller(run, stack, strict=options.has_folder, before=before)
            report = _report_folder(run, stack)
            if before is None:
                await _begin(run, opened)
        except Interrupted:
            return
        opened.register()
        fingerprint = None if opened.tls is None else opened.tls.fingerprint
        ready(Ready(opened.controller.url, opened.token_file, fingerprint, _everywhere(network.listen)))
        run.ready_at = asyncio.get_running_loop().time() - _seconds_before(run)
        try:
            await interrupt.guard(_until_over(run, opened))
        except Interrupted:
            pass
        except RunError as error:
            if report is None:
                raise
            log.error("%s", error)
            run.problems.append(str(error))
        run.ended_at = asyncio.get_running_loop().time()
        await _finish(run, opened, report)


def _check(network: Network) -> None:
    if network.apps:
        remedy = "use `nextmini run` or `nextmini up`, or remove [[apps]]"
        raise ScenarioError(
            [Problem("command line", None, "apps", "a controller by itself starts no programs", remedy)]
        )
    if network.algorithms:
        message = "a controller by itself starts no algorithms"
        remedy = "start them with `nextmini algorithm run`, or remove [[algorithms]]"
        raise ScenarioError([Problem("command line", None, "algorithms", message, remedy)])


def _report_folder(run: RunState, stack: AsyncExitStack) -> RunFolder | None:
    """The run folder, if there is to be one, which keeps the log while `stack` is open."""
    if not run.options.has_folder:
        return None
    folder = RunFolder.open(run.options.runs_dir, run.id, run.scenario)
    stack.enter_context(folder.controller_log())
    return folder


async def _until_over(run: RunState, opened: Opened) -> None:
    """Returns at the end of an experiment that has one. Raises as Controller.until_started."""
    controller = opened.controller
    await controller.until_started()
    if run.began is None:
        run.ready_at = asyncio.get_running_loop().time()
    log.info(IN_FORCE)
    # Without a report nobody would know what there was.
    seconds = run.network.duration if run.options.has_folder else None
    if seconds is not None and run.began is not None:
        seconds -= _seconds_before(run)
    try:
        async with asyncio.timeout(seconds):
            await controller.until_failed()
    except TimeoutError:
        log.info("the duration of the experiment is over")


async def _begin(run: RunState, opened: Opened) -> None:
    await run.interrupt.guard(opened.store.begin_run(run.id, run.network, run.scenario))
    Note.of(run.id, opened.controller.url, run.scenario).write(opened.token_file.parent)
    opened.controller.start()


def _seconds_before(run: RunState) -> float:
    """How long the run had lasted when this process took it over."""
    return (datetime.now().astimezone() - run.began).total_seconds() if run.began else 0.0


def _everywhere(listen: str) -> bool:
    host = listen.rpartition(":")[0].strip("[]")
    return host != "localhost" and ip_address(host).is_unspecified


async def _finish(run: RunState, opened: Opened, folder: RunFolder | None) -> None:
    controller = opened.controller
    await run.interrupt.unless_hastened(controller.stop_processes(), STOP_SECONDS)
    controller.end_flows(run.problems[0] if run.problems else "the controller was stopped")
    await controller.close()
    facts = Facts(
        run.id,
        None if folder is None else folder.path,
        "interrupted" if folder is None else _status(run, controller),
        run.seconds,
        controller.events.outcomes(),
        fidelity_of(run.network, controller),
        routes=tuple(controller.view.routes.values()),
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
