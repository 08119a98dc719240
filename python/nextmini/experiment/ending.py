"""The end of a run: processes stop, what they say last is collected, the report is written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from nextmini.controller.counters import Counters
from nextmini.errors import DatabaseError
from nextmini.experiment import algorithms, app_outcomes, happenings, paths
from nextmini.experiment.asked import asked_of
from nextmini.experiment.fidelity import judge
from nextmini.experiment.folder import RunFolder
from nextmini.experiment.options import Measured, Outcome
from nextmini.experiment.result import Facts, as_json, document
from nextmini.experiment.series import Names, tables
from nextmini.experiment.series_files import write_tables
from nextmini.hosts.exits import describe_exit
from nextmini.hosts.local import log_tail
from nextmini.scenario.units import format_time

if TYPE_CHECKING:
    from nextmini.controller import Controller
    from nextmini.experiment.state import Parts, RunState
    from nextmini.scenario import Network
    from nextmini.store import Store

STOP_SECONDS = 10.0
"""How long processes may take to say their last words; besides, for each node:"""
STOP_SECONDS_A_NODE = 0.001
EXPORT_SECONDS = 120.0


async def stop(run: RunState, parts: Parts) -> None:
    """Stops programs, processes and the controller; whatever flows have not ended by then are stopped."""
    run.observer.phase("stopping; interrupt again to hurry" if run.interrupt.requested else "stopping")
    processes, controller, interrupt = parts.processes, parts.controller, run.interrupt
    patience = STOP_SECONDS + STOP_SECONDS_A_NODE * len(run.network.nodes)
    # First of all, or they would take the end for something to be dealt with.
    await interrupt.unless_hastened(parts.algorithms.end(), STOP_SECONDS)
    await parts.algorithms.close()
    await parts.apps.end(interrupt, _why(run))
    processes.expect_end()
    if await interrupt.unless_hastened(controller.stop_processes(), patience):
        await interrupt.unless_hastened(processes.end(), patience)
    elif not interrupt.hastened:
        run.notes.append(
            f"a dataplane process did not stop within {patience:.0f} seconds and was killed; "
            "its last numbers are missing"
        )
    await processes.kill()
    _look_at_exits(run, parts)
    controller.end_flows(_why(run))
    await controller.close()
    if controller.lost_metrics:
        run.notes.append(
            f"{controller.lost_metrics} samples of metrics could not be written to the database and are lost"
        )


async def report(run: RunState) -> None:
    """Writes the report to the run folder and to the database."""
    parts = run.parts
    # A run that was interrupted on its way to a folder gets one now: it has a report like any other.
    folder = parts.folder if parts else RunFolder.create(run.options.runs_dir, run.id, run.scenario)
    events = parts.controller.events.outcomes() if parts else {}
    apps = parts.apps.outcomes() if parts else {}
    if not run.interrupted:
        run.problems += app_outcomes.problems(run.network, apps, run.problems)
    if not (run.interrupted or run.problems or run.deaths):
        run.problems += happenings.problems(events.values())
    run.notes += parts.apps.notes() if parts else []
    states = parts.algorithms.states() if parts else []
    if not run.interrupted:
        run.problems += algorithms.problems(states)
    run.notes += restarts_of_database(parts.guard.restarts) if parts else []
    fidelity = fidelity_of(run.network, parts.controller) if parts and run.ready_at is not None else None
    routes = tuple(parts.controller.view.routes.values()) if parts else ()
    pins = dict(parts.controller.view.pins) if parts else {}
    facts = Facts(
        run.id,
        folder.path,
        run.status(),
        run.seconds,
        events,
        fidelity,
        apps,
        routes,
        algorithms=states,
        pins=pins,
        notes=run.notes,
    )
    flows, counters = (parts.controller.flows.flows, parts.controller.counters) if parts else ({}, Counters())
    run.document = document(run.network, facts, flows, counters)
    if parts is not None and run.begun:
        await _keep_in_database(run, parts)
    folder.write_result(run.document)


def outcome(run: RunState) -> Outcome:
    """The outcome of a run with a report."""
    if run.document is None:
        raise RuntimeError("the run has no report")
    folder = run.options.runs_dir / run.id
    if run.interrupted and run.document["status"] != "interrupted":
        # It came while everything was being put away.
        run.document["status"] = "interrupted"
        RunFolder(folder).write_result(run.document)
    measured = None
    if run.parts is not None:
        controller = run.parts.controller
        measured = Measured(controller.flows.flows, controller.fidelity)
    return Outcome(run.document, folder, tuple(run.deaths + run.problems), tuple(run.notes), measured)


async def _keep_in_database(run: RunState, parts: Parts) -> None:
    """Writes the result to the database and the series to the run folder, if the database is there."""
    if run.document is None:
        raise RuntimeError("the run has no report")
    text = as_json(run.document)
    try:
        finish = partial(parts.store.finish_run, run.id, run.document["status"], text)
        await parts.store.patiently(finish)
        if run.options.export:
            run.observer.phase("writing the time series")
            work = export(run, parts.store, parts.controller, parts.folder)
            if not await run.interrupt.unless_hastened(work, EXPORT_SECONDS):
                run.notes.append("the time series were not written: there was no time")
    except OSError as error:
        run.notes.append(f"the time series were not written: {error.strerror or error}")
    except DatabaseError as error:
        run.notes.append(
            f"the database has no result of this run, and the run folder no time series: {error}"
        )


async def export(run: RunState, store: Store, controller: Controller, folder: RunFolder) -> None:
    """Writes the series of a run to its folder. Raises OSError or DatabaseError."""
    names = _names(run.network, controller)

    async def write() -> None:
        links, flows = store.link_metrics(run.id), store.flow_metrics(run.id)
        await write_tables(folder.series, tables(names, links, flows), ("parquet", "csv"))

    await store.patiently(write)


def _names(network: Network, controller: Controller) -> Names:
    """Names of what the scenario has, and of what somebody added while it ran."""
    view, flows = controller.view, (progress.flow for progress in controller.flows.flows.values())
    return Names.of(
        (*network.nodes, *view.nodes.values()),
        (*network.links, *view.links.values()),
        (*network.flows, *flows),
    )


def fidelity_of(network: Network, controller: Controller) -> dict[str, Any]:
    """How true a run was that has ended."""
    said, asked = controller.fidelity, asked_of(network, controller.view)
    below = paths.findings(paths_of(network, controller))
    return judge(said.links, said.processes, asked, network.processes, below)


def paths_of(network: Network, controller: Controller) -> list[dict[str, Any]]:
    """The real paths below links between sites."""
    return paths.entries(controller.view, network.sites, controller.paths.known)


def _look_at_exits(run: RunState, parts: Parts) -> None:
    """A process that was told to stop and then fails is a failure too, unless we were in a hurry.

    So is one whose death is heard of when the run has ended: by what it broke, perhaps.
    """
    if run.interrupted or run.interrupt.hastened or run.deaths or run.notes:
        return
    for index, code in parts.processes.failures().items():
        tail = log_tail(parts.processes.log(index))
        run.problems.append(f"dataplane process {index} {describe_exit(code)} while stopping{tail}")


def restarts_of_database(times: int) -> list[str]:
    """What to say of a database server that was started again while the experiment ran."""
    if times == 0:
        return []
    often = "once" if times == 1 else f"{times} times"
    return [f"the database server was restarted {often}; the time series may have gaps there"]


def _why(run: RunState) -> str:
    """Why flows that had not ended were stopped."""
    if run.interrupted:
        return "the run was interrupted"
    if run.deaths or run.problems:
        return f"the run ended early: {(run.deaths + run.problems)[0]}"
    if run.interrupt.requested:
        return "the experiment was taken down"
    if run.network.duration is not None:
        return f"the experiment's duration of {format_time(run.network.duration)} was over"
    return "the run ended"
