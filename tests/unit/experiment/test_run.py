"""Runs from their start to their report, with a real database and fake processes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pyarrow.parquet
import pytest
from controller.fake_dataplane import CHECKSUM, CRASH, FOREVER, MISMATCH

from nextmini.errors import ControllerError, PrerequisiteError, ScenarioError
from nextmini.experiment import Interrupt, RunOptions, run_scenario
from nextmini.experiment import run as run_module
from nextmini.scenario import Scenario, load, loads, resolve
from nextmini.store import StateFolder, Store
from nextmini.store import listener as listener_module
from nextmini.store.sharing import SharedServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nextmini.controller import Progress

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

_numbers = count(1)


def scenario(*sizes: int, settings: str = "", more: str = "", processes: int = 1) -> Scenario:
    """A line of four nodes, with a flow of each size from the first to the last."""
    flows = "".join(
        f'[[flows]]\nname = "f{i}"\nsource = "n1"\ndestination = "n4"\nsize = "{size} B"\n'
        for i, size in enumerate(sizes)
    )
    text = f"""
[experiment]
name = "run-{next(_numbers)}"
seed = 42
processes = {processes}
interval = "50 ms"
{settings}
[topology]
kind = "line"
nodes = 4
{more}
{flows}
"""
    return loads(text)


class Watcher:
    """Notes the phases of a run, and does something in one of them."""

    def __init__(self, phase: str = "", act: Callable[[], None] = lambda: None) -> None:
        self.phases: list[str] = []
        self._phase, self._act = phase, act

    def phase(self, text: str) -> None:
        self.phases.append(text)
        if text == self._phase:
            self._act()

    def folder_made(self, folder: Path) -> None:
        assert (folder / "logs").is_dir()

    def flows_started(self, progress: Callable[[], Progress]) -> None:
        assert progress().connected > 0
        self.phase("flows")


async def test_a_run_that_passes(options: RunOptions) -> None:
    made = scenario(7000, 9000, processes=2)
    watcher = Watcher()
    outcome = await run_scenario(made, options, observer=watcher)
    document = outcome.document
    name = resolve(made).name
    assert (outcome.status, outcome.exit_code, outcome.problems, outcome.notes) == ("passed", 0, (), ())
    assert list(document) == [
        *("experiment", "run", "folder", "seed", "status", "seconds", "nodes", "links", "flows"),
        *("demands", "loads", "link_stats", "paths", "apps", "algorithms", "events", "notes"),
        *("checks", "fidelity"),
    ]
    assert (document["experiment"], document["seed"]) == (name, 42)
    assert (document["nodes"], document["links"], document["seconds"] > 0) == (4, 3, True)
    assert document["flows"][0] == {
        "name": "f0",
        "source": "n1",
        "destination": "n4",
        "kind": "lossless",
        "mode": "normal",
        "status": "completed",
        "bytes": 7000,
        "seconds": 0.5,
        "goodput_bps": 112000,
        "route": ["n1", "n2", "n3", "n4"],
        "retransmitted": 2,
        "timeouts": 0,
        "reordered": 1,
        "restarts": 0,
        "checksum": CHECKSUM,
        "reason": None,
    }
    assert [(link["from"], link["to"]) for link in document["link_stats"]] == [
        *(("n1", "n2"), ("n2", "n1"), ("n2", "n3"), ("n3", "n2"), ("n3", "n4"), ("n4", "n3"))
    ]
    assert document["link_stats"][0]["bytes"] > 0
    assert document["link_stats"][0]["drops"]["down"] == 1
    assert len(document["link_stats"][0]["drops"]) == 13
    assert document["fidelity"]["verdict"] == "not_measured"
    assert document["fidelity"]["reasons"] == ["no dataplane process has said how true it was"]
    assert watcher.phases == [
        "starting the database",
        "writing the network",
        "starting 2 dataplane processes",
        "setting up nodes and links",
        "flows",
        "stopping",
        "writing the time series",
    ]


async def test_the_run_folder_holds_what_it_takes_to_repeat_and_compare(
    options: RunOptions, server: tuple[Path, str]
) -> None:
    made = scenario(7000, processes=2)
    outcome = await run_scenario(made, options)
    folder, document = outcome.folder, outcome.document
    assert document["folder"] == str(folder) == str(options.runs_dir / document["run"])
    assert json.loads((folder / "result.json").read_text()) == document
    assert resolve(load(folder / "scenario.toml")) == resolve(made)
    logs = {path.name: path.read_text() for path in (folder / "logs").iterdir()}
    assert set(logs) == {"controller.log", "dataplane-0.log", "dataplane-1.log"}
    assert "dataplane process 1 (pid" in logs["controller.log"]
    assert logs["dataplane-1.log"] == "fake process 1 starts\n"
    flows = pyarrow.parquet.read_table(folder / "series" / "flows.parquet").to_pylist()
    assert [(row["flow"], row["bytes"]) for row in flows] == [("f0", 7000)]
    lines = (folder / "series" / "links.csv").read_text().splitlines()
    counters = '"bytes","packets","queue","entered","marked","duplicated","datagrams","oversized"'
    assert lines[0].startswith(f'"time","link","from","to",{counters},"drops_queue"')
    assert '1,"n1","n2",7000' in lines[1]
    # Nothing secret is in it.
    assert not any("secret" in log or "Bearer" in log for log in logs.values())
    async with await Store.open(server[1], document["experiment"]) as store:
        (row,) = await store.runs()
    assert (row.id, row.status, row.seed) == (document["run"], "passed", 42)
    assert json.loads(row.result or "") == document


async def test_a_flow_that_fails_fails_the_run(options: RunOptions) -> None:
    outcome = await run_scenario(scenario(5000, MISMATCH), options)
    first, second = outcome.document["flows"]
    assert (outcome.status, outcome.exit_code, outcome.problems) == ("failed", 1, ())
    assert (first["status"], second["status"], second["checksum"]) == ("completed", "failed", None)
    assert second["reason"].startswith("checksum mismatch")


async def test_a_process_that_dies_is_named_with_its_last_words(options: RunOptions) -> None:
    outcome = await run_scenario(scenario(CRASH), options)
    story = (
        "dataplane process 0 ended with exit status 3; its last words: "
        "fake process 0 starts | boom: the fake was told to crash"
    )
    assert (outcome.status, outcome.exit_code, outcome.problems) == ("failed", 1, (story,))
    assert [(flow["status"], flow["reason"]) for flow in outcome.document["flows"]] == [("failed", story)]


async def test_flows_elsewhere_are_stopped_when_a_process_dies(options: RunOptions) -> None:
    more = '[[flows]]\nname = "away"\nsource = "n3"\ndestination = "n4"\nsize = "1003 B"\n'
    outcome = await run_scenario(scenario(CRASH, more=more, processes=2), options)
    flows = {flow["name"]: flow for flow in outcome.document["flows"]}
    assert flows["f0"]["status"] == "failed"
    assert flows["away"]["status"] == "stopped"
    assert flows["away"]["reason"].startswith("the run ended early: dataplane process 0 ended with")


async def test_a_process_that_ends_before_it_has_connected(options: RunOptions) -> None:
    broken = replace(options, program=(sys.executable, "-c", "raise SystemExit('no such module')"))
    outcome = await run_scenario(scenario(5000), broken)
    assert outcome.problems == (
        "dataplane process 0 ended with exit status 1; its last words: no such module",
    )
    assert (outcome.exit_code, outcome.document["seconds"]) == (1, 0.0)
    assert outcome.document["flows"][0]["status"] == "failed"


async def test_a_program_that_is_not_there(options: RunOptions) -> None:
    outcome = await run_scenario(scenario(5000), replace(options, program=("/no/such/program",)))
    assert outcome.exit_code == 1
    assert outcome.problems[0].startswith("dataplane process 0 cannot be started")


async def test_a_network_that_does_not_get_ready(
    options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "START_SECONDS", 0.3)
    deaf = replace(options, program=(sys.executable, "-c", "import sys; sys.stdin.read()"))
    outcome = await run_scenario(scenario(5000, processes=2), deaf)
    assert outcome.exit_code == 1
    (problem,) = outcome.problems
    assert problem.startswith(
        "the network was not ready within 0 seconds: 0 of 2 dataplane processes are connected; "
        "not in force: link n1 - n2 (not confirmed), link n2 - n3"
    )
    # Two links, the flow, and its routes both ways: whatever else there is, it is counted.
    assert re.search(r" and \d+ more$", problem)


PHASES = [
    "starting the database",
    "writing the network",
    "starting 1 dataplane process",
    "setting up nodes and links",
    "flows",
    "stopping",
    "writing the time series",
]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("phase", PHASES)
async def test_an_interrupt_at_any_moment_gives_a_report_and_leaves_nothing(
    options: RunOptions, phase: str, times: int
) -> None:
    interrupt = Interrupt()

    def act() -> None:
        for _ in range(times):
            interrupt.request()

    size = 5000 if phase in PHASES[-2:] else FOREVER
    outcome = await run_scenario(scenario(size), options, interrupt, Watcher(phase, act))
    assert (outcome.status, outcome.exit_code, outcome.problems) == ("interrupted", 130, ())
    (flow,) = outcome.document["flows"]
    if size == 5000:
        assert flow["status"] == "completed"
    else:
        reasons = ("the run was interrupted", "the run ended before it began")
        assert (flow["status"], flow["reason"] in reasons) == ("stopped", True)
    assert json.loads((outcome.folder / "result.json").read_text()) == outcome.document


async def test_a_cancelled_run_leaves_nothing(options: RunOptions) -> None:
    started = asyncio.Event()
    run = asyncio.create_task(
        run_scenario(scenario(FOREVER), options, observer=Watcher("flows", started.set))
    )
    await started.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_the_duration_ends_flows_that_do_not_end_by_themselves(options: RunOptions) -> None:
    made = scenario(FOREVER, 5000, settings='duration = "300 ms"')
    outcome = await run_scenario(made, options)
    assert (outcome.status, outcome.document["seconds"] >= 0.3) == ("passed", True)
    endless, finite = outcome.document["flows"]
    assert (endless["status"], endless["bytes"], endless["reason"]) == (
        "stopped",
        FOREVER,
        "the experiment's duration of 0.3 s was over",
    )
    assert finite["status"] == "completed"


async def test_another_name(options: RunOptions) -> None:
    outcome = await run_scenario(scenario(5000), replace(options, name="another"))
    assert outcome.document["experiment"] == "another"
    assert outcome.folder.name.startswith("another-")
    assert 'name = "another"' in (outcome.folder / "scenario.toml").read_text()


async def test_a_name_that_cannot_be_one(options: RunOptions) -> None:
    with pytest.raises(ScenarioError) as caught:
        await run_scenario(scenario(5000), replace(options, name="no name"))
    assert str(caught.value).startswith('command line: --name: "no name" cannot be the name of an experiment')


async def test_an_experiment_that_runs_already_is_refused_with_the_remedy(options: RunOptions) -> None:
    made = scenario(5000)
    name = resolve(made).name
    with StateFolder.locate(options.state_dir).hold(name), pytest.raises(ControllerError) as caught:
        await run_scenario(made, options)
    assert str(caught.value) == (
        f"experiment '{name}' is already running here (process {os.getpid()}); "
        "wait for it to end, end it with `nextmini down`, or give this one another name with --name NAME"
    )
    assert not options.runs_dir.exists()


async def test_a_second_controller_of_a_database_is_refused(
    options: RunOptions, server: tuple[Path, str], tmp_path: Path
) -> None:
    """As when two machines use the same server, where no lock file can be in the way."""
    made = scenario(5000)
    async with await Store.open(server[1], resolve(made).name) as other:
        await other.claim()
        elsewhere = replace(options, database_url=server[1], state_dir=tmp_path / "state")
        with pytest.raises(ControllerError, match="already has a controller") as caught:
            await run_scenario(made, elsewhere)
    assert "another name with --name NAME" in (caught.value.remedy or "")
    assert not options.runs_dir.exists()


async def test_two_experiments_side_by_side(options: RunOptions) -> None:
    outcomes = await asyncio.gather(
        *(run_scenario(scenario(size), options) for size in (5000, 6000, MISMATCH))
    )
    assert [outcome.exit_code for outcome in outcomes] == [0, 0, 1]
    assert [outcome.document["flows"][0]["bytes"] for outcome in outcomes] == [5000, 6000, MISMATCH]


async def test_a_port_in_use_is_refused_before_anything_is_written(options: RunOptions) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        made = scenario(5000, more=f'[controller]\nlisten = "{listen}"')
        with pytest.raises(ControllerError, match=f"port {listen} is in use"):
            await run_scenario(made, options)
    assert not options.runs_dir.exists()


async def test_a_run_folder_that_cannot_be_made_is_refused(options: RunOptions, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PrerequisiteError, match="choose another with --runs-dir"):
        await run_scenario(scenario(5000), replace(options, runs_dir=tmp_path / "file"))


async def test_a_run_without_time_series(options: RunOptions) -> None:
    outcome = await run_scenario(scenario(5000), replace(options, export=False))
    assert outcome.status == "passed"
    assert list((outcome.folder / "series").iterdir()) == []


async def test_a_server_of_somebody_else_that_dies_ends_the_run_with_what_is_known(
    options: RunOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "AWAY_SECONDS", 0.3)
    state = tmp_path / "state"
    share = SharedServer(state)

    def kill() -> None:
        lines = (state / "postgres" / "data" / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), signal.SIGKILL)

    own = replace(options, database_url=share.enter())
    # With a route of its own: the flow has begun when the database dies, and needs it no more.
    made = scenario(FOREVER, more='[[routes]]\npath = ["n1", "n2", "n3", "n4"]')
    outcome = await run_scenario(made, own, observer=Watcher("flows", kill))
    assert outcome.exit_code == 1
    (problem,) = outcome.problems
    assert problem.startswith("the database was lost while the experiment ran: PostgreSQL has been away")
    (flow,) = outcome.document["flows"]
    assert (flow["status"], flow["bytes"]) == ("stopped", FOREVER)
    assert flow["reason"].startswith("the run ended early: the database was lost")
    assert json.loads((outcome.folder / "result.json").read_text()) == outcome.document
    assert any("the database has no result of this run" in note for note in outcome.notes)
    assert any("samples of metrics could not be written" in note for note in outcome.notes)
    share.leave()
    share.close()


async def test_a_run_until_it_is_stopped_does_not_end_with_its_flows(options: RunOptions) -> None:
    interrupt = Interrupt()
    made = scenario(7000, FOREVER)
    background = replace(options, until="stopped", how="up")
    state = StateFolder(options.state_dir or options.runs_dir)
    seen = []

    class Look(Watcher):
        def flows_started(self, progress: Callable[[], Progress]) -> None:
            seen.extend(state.running())
            super().flows_started(progress)
            stop = asyncio.get_running_loop().create_task(self.stop(progress))
            stop.add_done_callback(lambda done: done.result())

        async def stop(self, progress: Callable[[], Progress]) -> None:
            while progress().ended < 1:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
            interrupt.request()

    outcome = await run_scenario(made, background, interrupt, Look())
    (registration,) = seen
    name = resolve(made).name
    assert (registration.name, registration.how, registration.pid) == (name, "up", os.getpid())
    assert (registration.ready, registration.folder) == (True, str(outcome.folder))
    assert (outcome.status, outcome.exit_code) == ("passed", 0)
    first, second = outcome.document["flows"]
    assert first["status"] == "completed"
    assert (second["status"], second["reason"]) == ("stopped", "the experiment was taken down")


async def test_a_run_until_it_is_stopped_is_interrupted_by_who_stops_it_on_its_way(
    options: RunOptions,
) -> None:
    interrupt = Interrupt()
    watcher = Watcher("writing the network", interrupt.request)
    outcome = await run_scenario(scenario(7000), replace(options, until="stopped"), interrupt, watcher)
    assert (outcome.status, outcome.exit_code) == ("interrupted", 130)
