from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.bench import lossless, running
from nextmini.bench.figures import middle, significant, spread
from nextmini.bench.lossless import Plan, chain, measure
from nextmini.bench.plan import PlanError
from nextmini.bench.running import EXPERIMENT
from nextmini.errors import ControllerError, RunError
from nextmini.experiment import Interrupt, Outcome, RunOptions
from nextmini.experiment.interrupt import Interrupted
from nextmini.hosts.local import PROGRAM
from nextmini.scenario import resolve

if TYPE_CHECKING:
    from nextmini.bench.chains import Batching, Transport


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"hops": ()}, "--hops"),
        ({"hops": (0,)}, "--hops"),
        ({"hops": (1, 2, 1)}, "--hops"),
        ({"hops": (100_000,)}, "--hops"),
        ({"flows": 0}, "--flows"),
        ({"processors": -1}, "--processors"),
        ({"seconds": 0.0}, "--seconds"),
        ({"seconds": float("nan")}, "--seconds"),
        ({"repeat": 0}, "--repeat"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_the_name_of_its_option(
    settings: dict[str, Any], option: str
) -> None:
    with pytest.raises(PlanError, match=option) as refusal:
        Plan(**settings)
    assert refusal.value.exit_code == 2
    assert refusal.value.remedy


def test_a_chain_has_its_relays_between_the_ends() -> None:
    network = resolve(chain(Plan(flows=3, transport="tcp", processors=4, seconds=0.25), 5).scenario)
    assert (len(network.nodes), len(network.links), network.processes) == (7, 6, 1)
    assert {link.transport for link in network.links} == {"tcp"}
    assert {node.processors for node in network.nodes} == {4}
    assert {(flow.source, flow.destination, flow.duration) for flow in network.flows} == {(1, 7, 0.25)}
    assert len(network.flows) == 3


@pytest.mark.parametrize("transport", ["memory", "tls"])
def test_links_are_what_they_are_asked_to_be(transport: Transport) -> None:
    network = resolve(chain(Plan(transport=transport), 1).scenario)
    assert {link.transport for link in network.links} == {transport}


def test_figures() -> None:
    assert middle([3.0, 1.0, 2.0]) == 2.0
    assert spread([3.0, 1.0, 2.0]) == [1.0, 3.0]
    assert significant(12.34567) == 12.35


class Rig:
    """Stands for the machine: figures instead of runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.runs: list[int] = []
        self.baselines: list[int] = []
        self.flow = {"name": "bulk-1", "bytes": 1_000_000_000, "seconds": 2.0, "status": "completed"}
        self.flow["retransmitted"] = 0
        self.status = "passed"
        self.problems: tuple[str, ...] = ()
        self.programs: set[tuple[str, ...]] = set()
        self.refusal: Exception | None = None
        monkeypatch.setenv("NEXTMINI_STATE", str(tmp_path / "state"))
        monkeypatch.setattr(running, "embedded_server", lambda _state: NoServer())
        monkeypatch.setattr(running, "run_scenario", self.run)
        monkeypatch.setattr(lossless, "relay_chain", self.baseline)

    async def run(self, scenario: Any, options: RunOptions, _interrupt: object, _observer: object) -> Outcome:
        self.programs.add(tuple(options.program))
        if self.refusal is not None:
            raise self.refusal
        network = resolve(scenario)
        assert network.name == EXPERIMENT
        self.runs.append(len(network.nodes) - 2)
        flows = [self.flow | {"reason": "the link fell over"}]
        return Outcome({"status": self.status, "flows": flows}, Path(), self.problems)

    async def baseline(self, relays: int, _seconds: float) -> float:
        self.baselines.append(relays)
        return float(8 - relays) + len(self.baselines) * 1e-9

    def measure(self, plan: Plan) -> list[dict[str, Any]]:
        async def inner() -> list[dict[str, Any]]:
            return await measure(plan, Interrupt(), lambda _text: None)

        return asyncio.run(inner())


class NoServer:
    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_error: object) -> None: ...


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Rig:
    return Rig(monkeypatch, tmp_path)


@pytest.mark.parametrize("batching", ["on", "off"])
def test_the_dataplane_is_told_whether_packets_go_in_batches(rig: Rig, batching: Batching) -> None:
    (row,) = rig.measure(Plan(hops=(1,), repeat=1, batching=batching))
    assert row["batching"] == batching
    assert rig.programs == {(*PROGRAM, "--batching", batching)}


def test_everything_is_measured_in_turn_and_ends_up_in_its_row(rig: Rig) -> None:
    rows = rig.measure(Plan(hops=(1, 4), repeat=3))
    assert rig.runs == [1, 4] * 3
    assert rig.baselines == [0, 1, 4] * 3
    assert [(row["hops"], row["gbps"], row["baseline_gbps"]) for row in rows] == [
        (1, 4.0, 7.0),
        (4, 4.0, 4.0),
    ]
    assert [row["ratio"] for row in rows] == [0.5714, 1.0]
    assert {row["direct_gbps"] for row in rows} == {8.0}
    assert rows[0]["spread"]["ratio"] == [0.5714, 0.5714]
    assert json.loads(json.dumps(rows)) == rows


def test_a_run_whose_flow_did_not_complete_is_no_measurement(rig: Rig) -> None:
    rig.flow["status"] = "failed"
    with pytest.raises(RunError, match=r"chain of 2 failed: bulk-1: the link fell over"):
        rig.measure(Plan(hops=(2,)))


def test_a_run_with_a_problem_is_no_measurement(rig: Rig) -> None:
    rig.problems = ("dataplane process 0 was killed by SIGKILL",)
    with pytest.raises(RunError, match="SIGKILL"):
        rig.measure(Plan(hops=(2,)))


def test_a_flow_that_delivers_nothing_is_no_measurement(rig: Rig) -> None:
    rig.flow["bytes"] = 0
    with pytest.raises(RunError, match="delivered nothing"):
        rig.measure(Plan(hops=(2,)))


def test_an_interrupted_run_ends_the_benchmark(rig: Rig) -> None:
    rig.status = "interrupted"
    with pytest.raises(Interrupted):
        rig.measure(Plan(hops=(1, 2)))
    assert rig.runs == [1]


def test_two_benchmarks_at_once_are_refused(rig: Rig) -> None:
    rig.refusal = ControllerError("experiment bench is taken", "give this run another name")
    with pytest.raises(ControllerError, match="wait for the other benchmark"):
        rig.measure(Plan(hops=(1,)))
