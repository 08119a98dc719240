from __future__ import annotations

import asyncio
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from typer.testing import CliRunner

from nextmini.bench import running
from nextmini.bench.fidelity.delays import Delay
from nextmini.bench.fidelity.jitters import Jitters, quantile
from nextmini.bench.fidelity.losses import Loss, Losses
from nextmini.bench.fidelity.plan import DELAYS, RATES, Plan, Setting, measure
from nextmini.bench.fidelity.rates import Rate
from nextmini.bench.fidelity.row import Row
from nextmini.bench.plan import PlanError
from nextmini.cli import bench as command
from nextmini.cli.fidelity_table import print_rows
from nextmini.controller.fidelity import FidelityReports
from nextmini.controller.flows import FlowProgress
from nextmini.errors import RunError
from nextmini.experiment import Interrupt, Outcome, RunOptions
from nextmini.experiment.interrupt import Interrupted
from nextmini.experiment.options import Measured
from nextmini.protocol import (
    Datagrams,
    FlowChange,
    LinkFidelity,
    ProcessFidelity,
    Quantiles,
)
from nextmini.scenario import Flow, Network, resolve

MS = 1_000_000
TIMER = Quantiles(1_000, 50_000, 250_000, 9 * MS)
DELAY = Quantiles(5_000, 50 * MS, 60 * MS, 90 * MS)


@dataclass
class Rig:
    """Stands for the machine: what it makes of each flow, instead of runs."""

    lateness: list[Quantiles] = field(default_factory=lambda: [Quantiles(1_000, 60_000, 200_000, 9 * MS)])
    """Of links, one for each run; the last one for all that follow."""
    timer: Quantiles = TIMER
    slowness: float = 1.0
    busy: float = 1.0
    lost: dict[float, int] = field(default_factory=dict)
    delay: Quantiles = DELAY
    status: str = "passed"
    silent: bool = False
    networks: list[Network] = field(default_factory=list)
    watch_us: set[int] = field(default_factory=set)

    async def run(
        self, scenario: Any, options: RunOptions, _interrupt: object, _observer: object = None
    ) -> Outcome:
        network = resolve(scenario)
        self.networks.append(network)
        self.watch_us.add(options.watch_us)
        document = {
            "status": self.status,
            "flows": [{"status": "completed", "bytes": 1} for _ in network.flows],
        }
        measured = Measured(
            {flow.id: self.progress(network, flow) for flow in network.flows}, self.said(network)
        )
        return Outcome(document, Path(), measured=None if self.silent else measured)

    def progress(self, network: Network, flow: Flow) -> FlowProgress:
        link = next(link for link in network.links if link.a == flow.source)
        loss = link.forward.loss
        packets = (flow.size or 1_500_000) // (flow.packet_size or 1_472)
        received = packets - self.lost.get(getattr(loss, "probability", 0.0), 0)
        seconds = (received - 1) * 12_000 / link.forward.rate * self.slowness if link.forward.rate else 3.0

        def said(end: Literal["source", "sink"], count: int) -> FlowChange:
            figures = Datagrams(count, delay=self.delay)
            return FlowChange(flow.id, end, "completed", 1, seconds, 0, 0, datagrams=figures)

        return FlowProgress(flow, source=said("source", packets), sink=said("sink", received))

    def said(self, network: Network) -> FidelityReports:
        late = self.lateness[min(len(self.networks), len(self.lateness)) - 1]
        reports = FidelityReports()
        for link in network.links:
            rate = link.forward.rate or 1
            busy = round(1_018 * 12_000 / rate * self.slowness * self.busy * 1e9)
            for node in (link.a, link.b):
                said = late if node == link.a else Quantiles()
                reports.links[link.id, node] = LinkFidelity(link.id, node, said, busy, 0, 0, 0, 0, 0.0, 0.0)
        for process in range(network.processes):
            timer = self.timer if process == 0 else Quantiles(1, MS, MS, MS)
            reports.processes[process] = ProcessFidelity(timer, None, 0)
        return reports

    def rows(self, *settings: Setting, repeat: int = 1) -> list[Row]:
        async def inner() -> list[Row]:
            runs = [
                [await self.run(setting.scenario(), RunOptions(), None) for _ in range(repeat)]
                for setting in settings
            ]
            return [row for setting, run in zip(settings, runs, strict=True) for row in setting.rows(run)]

        return asyncio.run(inner())

    def measure(self, plan: Plan) -> tuple[list[Row], list[str]]:
        told: list[str] = []

        async def inner() -> list[Row]:
            return await measure(plan, Interrupt(), told.append)

        return asyncio.run(inner()), told


class NoServer:
    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_error: object) -> None: ...


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Rig:
    rig = Rig()
    monkeypatch.setenv("NEXTMINI_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(running, "embedded_server", lambda _state: NoServer())
    monkeypatch.setattr(running, "run_scenario", rig.run)
    return rig


@pytest.mark.parametrize(
    ("settings", "option"),
    [({"repeat": 0}, "--repeat"), ({"only": "rate 7 Mbit/s"}, "--only"), ({"only": "loss 1 %"}, "--only")],
)
def test_what_cannot_be_measured_is_refused_by_the_name_of_its_option(
    settings: dict[str, Any], option: str
) -> None:
    with pytest.raises(PlanError, match=option) as refusal:
        Plan(**settings)
    assert refusal.value.exit_code == 2
    assert refusal.value.remedy


def test_every_setting_has_a_name_of_its_own_and_a_scenario_that_can_be_run() -> None:
    settings = Plan().settings()
    names = [setting.name for setting in settings]
    assert len(set(names)) == len(names) == len(RATES) + len(DELAYS) + 3
    assert {setting.name for setting in Plan(quick=True).settings()} < set(names)
    for setting in settings:
        network = resolve(setting.scenario())
        assert {flow.kind for flow in network.flows} == {"udp"}
        assert network.processes == (2 if "tcp" in setting.name else 1)


def test_delays_are_measured_in_turn_with_a_timer_that_is_looked_at_as_often_as_packets_come(
    rig: Rig,
) -> None:
    rows, told = rig.measure(Plan(quick=True, repeat=3, only="delay"))
    assert told == [
        f"delay 10 ms {transport}, {number} of 3" for number in (1, 2, 3) for transport in ("memory", "tcp")
    ]
    assert [row.setting for row in rows] == [
        f"delay 10 ms {transport}, {quantile}"
        for transport in ("memory", "tcp")
        for quantile in ("p50", "p99")
    ]
    assert rig.watch_us == {1_000}
    rates = {
        round((flow.rate or 0) / 8 / (flow.packet_size or 0)) for net in rig.networks for flow in net.flows
    }
    assert rates == {1_000}


def test_what_chance_does_the_same_each_time_is_measured_once(rig: Rig) -> None:
    _, told = rig.measure(Plan(repeat=4, only="rate 10 "))
    assert told == ["rate 10 Mbit/s"]


@pytest.mark.parametrize(("slowness", "passed"), [(1.0, True), (1.009, True), (1.02, False), (0.98, False)])
def test_a_rate_is_that_of_what_arrived_after_the_first_packet(
    rig: Rig, slowness: float, passed: bool
) -> None:
    rig.slowness = slowness
    (row,) = rig.rows(Rate(10_000_000, 1.0))
    assert row.measured == pytest.approx(10_000_000 / slowness, rel=1e-4)
    assert row.error == pytest.approx(1 / slowness - 1, abs=1e-4)
    assert row.passed == passed


def test_a_link_is_offered_more_than_its_rate(rig: Rig) -> None:
    (flow,) = resolve(Rate(1_000_000_000, 1.0).scenario()).flows
    assert (flow.rate or 0) * 1_500 / 1_472 == pytest.approx(1.2e9)


def test_a_link_that_had_nothing_to_send_is_not_blamed(rig: Rig) -> None:
    rig.slowness, rig.busy = 1.25, 0.8
    text = printed(rig.rows(Rate(1_000_000_000, 1.0)))
    assert "-20 %" in text
    assert "waiting for 80.0% of the time only" in text


def test_a_rate_of_nothing_is_no_measurement(rig: Rig) -> None:
    rig.lost = {0.0: 1_018}
    with pytest.raises(RunError, match="too few to measure"):
        rig.rows(Rate(1_000_000, 1.0))


def test_a_delay_is_as_good_as_the_median_of_its_ratios_to_the_bare_timer(rig: Rig) -> None:
    rig.lateness = [
        Quantiles(1_000, p50, p99, 0) for p50, p99 in ((90_000, 1), (60_000, 9 * MS), (20_000, 2))
    ]
    p50, p99 = rig.rows(Delay(0.01, "memory", 3.0), repeat=3)
    assert (p50.asked, p50.error, p50.measured) == (10.0, 0.06, 10.06)
    assert p50.bound == pytest.approx((0.0, 0.075))
    assert p50.passed and p99.passed
    assert (p50.facts["timer"], p50.facts["ratio"]) == (0.05, 1.2)
    assert p50.facts["spread"]["ratio"] == [0.4, 1.8]
    assert p99.error == 2e-6
    assert p50.facts["at_sink"] == 50.0


def test_a_delay_that_is_later_than_timers_are_fails(rig: Rig) -> None:
    rig.lateness = [Quantiles(1_000, 76_000, 250_000, 0)]
    p50, p99 = rig.rows(Delay(0.01, "tcp", 3.0))
    assert (p50.passed, p99.passed) == (False, True)


def test_losses_lie_within_what_chance_does(rig: Rig) -> None:
    rig.lost = {0.01: 165, 0.1: 2_200}
    inside, outside = rig.rows(Losses((Loss(0.01, 20_000), Loss(0.1, 20_000))))
    assert (inside.setting, inside.asked, inside.measured) == ("loss 1 %", 0.01, 0.00825)
    assert inside.passed and inside.facts["interval"] == [165, 237]
    assert not outside.passed
    rig.lost = {0.01: 164}
    assert not rig.rows(Losses((Loss(0.01, 20_000),)))[0].passed


def test_quantiles_of_jitter_are_those_of_their_distributions() -> None:
    assert [quantile("uniform", level) for level in (0.0, 0.5, 1.0)] == [-1.0, 0.0, 1.0]
    assert quantile("normal", 0.975) == pytest.approx(1.96, abs=1e-3)
    assert quantile("pareto", 0.0) == pytest.approx(-0.577, abs=1e-3)
    levels = [(step + 0.5) / 100_000 for step in range(100_000)]
    assert sum(quantile("pareto", level) for level in levels) / 100_000 == pytest.approx(0.0, abs=1e-3)


def test_jitter_may_be_as_far_from_its_distribution_as_chance_and_lateness_bring_it(rig: Rig) -> None:
    rows = {row.setting: row for row in rig.rows(Jitters(0.05, 0.005, 5.0))}
    assert rows["jitter 5 ms normal, p99"].asked == pytest.approx(61.63, abs=0.01)
    # 60 ms are a 99th percentile of none of them, and 50 ms a median of the two that are symmetric.
    assert [setting for setting, row in rows.items() if row.passed] == [
        "jitter 5 ms uniform, p50",
        "jitter 5 ms normal, p50",
    ]
    assert resolve(Jitters(0.05, 0.005, 5.0).scenario()).links[0].forward.jitter is not None


def test_an_interrupted_run_ends_the_benchmark(rig: Rig) -> None:
    rig.status = "interrupted"
    with pytest.raises(Interrupted):
        rig.measure(Plan())
    assert len(rig.networks) == 1


def test_a_run_that_says_nothing_is_no_measurement(rig: Rig) -> None:
    rig.silent = True
    with pytest.raises(RunError):
        rig.measure(Plan(only="rate 1 "))


def test_the_document_has_every_row_and_the_exit_code_tells_whether_all_are_in_order(rig: Rig) -> None:
    done = CliRunner().invoke(command.app, ["fidelity", "--only", "rate", "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["bench"], document["quick"], document["repeat"]) == ("fidelity", False, 5)
    assert document["machine"]["cores"] >= 1
    assert [row["asked"] for row in document["rows"]] == list(RATES)
    for row in document["rows"]:
        assert row.keys() >= {"setting", "unit", "asked", "measured", "error", "bound", "passed"}
    rig.slowness = 1.5
    failed = CliRunner().invoke(command.app, ["fidelity", "--only", "rate 10 "])
    assert failed.exit_code == 1
    assert "-33.3 %" in failed.stdout


def test_a_person_reads_units() -> None:
    rows = [
        Row("rate 1 Gbit/s", "bit/s", 1e9, 0.995e9, -0.005, (-0.01, 0.01)),
        Row("delay 10 ms memory, p50", "ms", 10.0, 10.06, 0.06, (0.0, 0.05), {"timer": 0.0333}),
        Row("loss 1 %", "share", 0.01, 0.0125, 0.0025, (-0.002, 0.002)),
    ]
    lines = [line.split("  ") for line in printed(rows).splitlines()[1:]]
    cells = [[cell.strip() for cell in line if cell] for line in lines]
    assert cells[0] == ["rate 1 Gbit/s", "1000 Mbit/s", "995 Mbit/s", "-0.5 %", "-1 % to +1 %", "yes"]
    assert cells[1][1:] == ["10 ms", "10.06 ms", "+0.06 ms", "+0 ms to +0.05 ms", "0.0333 ms", "no"]
    assert cells[2][1:] == ["1 %", "1.25 %", "+0.25 %", "-0.2 % to +0.2 %", "no"]


def printed(rows: list[Row]) -> str:
    file = io.StringIO()
    print_rows(rows, file)
    return file.getvalue()
