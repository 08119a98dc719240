"""`nextmini bench costs`: its networks, its laws, and what becomes of what cannot be measured."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.bench import cost_networks, costs, finding
from nextmini.bench.costs import Plan, measure
from nextmini.bench.figures import each_more, exponent
from nextmini.bench.one_network import Cost, counted
from nextmini.bench.plan import PlanError
from nextmini.bench.running import Bench
from nextmini.cli import bench_tables
from nextmini.errors import RunError
from nextmini.experiment import Interrupt
from nextmini.scenario import loads, resolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nextmini.scenario import Network


@pytest.mark.parametrize("power", [-0.5, 0.0, 1.0, 1.5, 2.0])
def test_the_exponent_of_a_power_law_is_found(power: float) -> None:
    found = exponent([(size, 7 * size**power) for size in (1_000, 10, 100)])
    assert found == pytest.approx(power, abs=1e-9)


def test_the_exponent_is_that_of_the_least_squares_of_logarithms() -> None:
    # By hand: logs (0, 1, 2) of sizes, (0, 2, 1) of values; slope = sum of (x - 1)(y - 1) by 2 = 1 / 2.
    assert exponent([(1, 1), (10, 100), (100, 10)]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "points",
    [
        [],
        [(10, 1.0), (100, 10.0)],
        [(10, 1.0), (100, 10.0), (100, 11.0)],
        [(10, 0.0), (100, 10.0), (1_000, 100.0)],
        [(10, -3.0), (100, 10.0), (1_000, 100.0)],
    ],
)
def test_two_sizes_or_nothing_at_all_are_no_power_law(points: list[tuple[float, float]]) -> None:
    assert exponent(points) is None


def test_what_one_more_costs_is_the_slope_between_the_ends() -> None:
    assert each_more([(110, 250.0), (10, 50.0), (50, 1.0)]) == 2.0
    assert each_more([(10, 50.0)]) is None


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"sizes": ()}, "--sizes"),
        ({"sizes": (1,)}, "--sizes"),
        ({"sizes": (10_001,)}, "--sizes"),
        ({"sizes": (5, 5)}, "--sizes"),
        ({"subjects": ()}, "--of"),
        ({"subjects": ("nodes", "clouds")}, "--of clouds"),
        ({"seconds": 0.0}, "--seconds"),
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


def network(text: str) -> Network:
    return resolve(loads(text, file="bench.toml"))


def test_networks_have_many_of_one_thing_alone() -> None:
    nodes = network(cost_networks.of_nodes(7, "none"))
    assert (len(nodes.nodes), nodes.links, nodes.flows) == (7, (), ())
    links = network(cost_networks.of_links(20, "tcp", 7))
    assert (len(links.nodes), len(links.links), links.flows) == (7, 20, ())
    assert {link.transport for link in links.links} == {"tcp"}
    processes = network(cost_networks.of_processes(3, 7))
    assert (len(processes.nodes), processes.processes, processes.links) == (7, 3, ())
    flows = network(cost_networks.of_flows(9))
    assert (len(flows.nodes), len(flows.links), len(flows.flows)) == (2, 1, 9)


@pytest.mark.parametrize("nodes", range(2, 10))
def test_every_pair_of_nodes_is_one_chord(nodes: int) -> None:
    found = [tuple(sorted(pair)) for pair in cost_networks.chords(nodes)]
    assert sorted(found) == list(combinations(range(1, nodes + 1), 2))


def test_as_few_nodes_as_can_have_so_many_links() -> None:
    assert [cost_networks.nodes_for(links) for links in (1, 2, 3, 4, 10, 11)] == [2, 3, 3, 4, 5, 6]


def test_pairs_are_the_same_each_time_and_none_is_there_twice() -> None:
    pairs = cost_networks.spread_pairs(50, 10)
    assert pairs == cost_networks.spread_pairs(50, 10)
    assert len(set(pairs)) == 50
    assert all(a != b for a, b in pairs)


def test_searches_for_routes_take_time() -> None:
    for search in (finding.by_nodes(20), finding.by_links(20, 7), finding.by_flows(20)):
        found = asyncio.run(search)
        assert found.graph > 0
        assert found.search > 0


def test_metrics_without_labels_are_read_off_the_page() -> None:
    page = "# TYPE sent_total counter\nsent_total_more 1\nsent_total 12\n"
    assert counted(page, "sent_total") == 12
    with pytest.raises(LookupError):
        counted(page, "sent")


class Rig:
    """Stands for all that is measured: the start of a network takes 5 s, and 2 s for each of its nodes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[str] = []
        self.failing: set[int] = set()
        monkeypatch.setattr(costs, "prepared", self.prepared)
        monkeypatch.setattr(costs, "settled", self.settled)
        monkeypatch.setattr(costs, "cost_of", self.cost_of)
        monkeypatch.setattr(costs, "_no_root", lambda: "this is not root")

    @asynccontextmanager
    async def prepared(self, interrupt: Interrupt) -> AsyncIterator[Bench]:
        yield Bench(Path(), interrupt)

    async def settled(self) -> None: ...

    async def cost_of(self, _bench: object, scenario: str) -> Cost:
        size = len(network(scenario).nodes)
        if size in self.failing:
            raise RunError("too many")
        return Cost(5.0 + 2 * size, 0.5, size**2, 10_000, -3, 2, 100 * size)

    def measure(self, plan: Plan) -> list[dict[str, Any]]:
        async def inner() -> list[dict[str, Any]]:
            return await measure(plan, Interrupt(), self.told.append)

        return asyncio.run(inner())


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(monkeypatch)


def test_every_figure_has_its_curve(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(sizes=(100, 10, 1_000), subjects=("nodes",), repeat=2)
    rows = rig.measure(plan)
    assert json.loads(json.dumps(rows)) == rows
    found = {(row["variant"], row["what"]): row for row in rows if row["of"] == "nodes"}
    assert len(found) == len(rows)
    start = found["none", "start_seconds"]
    assert start["points"] == [
        {"size": size, "value": value, "spread": [value, value]}
        for size, value in ((10, 25.0), (100, 205.0), (1_000, 2_005.0))
    ]
    assert start["each_more"] == 2.0
    assert found["none", "controller_kib"]["exponent"] == 2.0
    assert found["none", "controller_cpu_seconds"]["exponent"] == 0.0
    assert found["none", "kernel_kib"]["exponent"] is None
    assert found["routes", "search_ms"]["points"][0]["value"] > 0
    bench_tables.print_costs(rows, plan)
    shown = capsys.readouterr().out.splitlines()
    assert shown[2].split() == ["Of", "What", "10", "100", "1,000", "Exponent", "more"]
    assert shown[3].split()[:7] == ["nodes", "none", "start", "s", "25", "205", "2,005"]
    assert max(map(len, shown)) <= 80


def test_what_cannot_be_measured_is_said_and_the_rest_is_measured(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.failing = {30}
    plan = Plan(sizes=(10, 20, 30), subjects=("nodes",))
    rows = rig.measure(plan)
    (start, rootless) = (row for row in rows if row["what"] == "start_seconds")
    assert [point.get("value") for point in start["points"]] == [25.0, 45.0, None]
    assert "too many" in start["points"][2]["reason"]
    assert start["exponent"] is None, "two sizes tell no law"
    assert [point["reason"] for point in rootless["points"]] == ["this is not root"] * 3
    assert (rootless["exponent"], rootless["each_more"]) == (None, None)
    assert "nodes (namespace), 10: not measured: this is not root" in rig.told
    bench_tables.print_costs(rows, plan)
    shown = capsys.readouterr().out
    assert "nodes (none), 30: not measured: too many" in shown


def test_more_processes_than_one_machine_should_have_are_not_tried(rig: Rig) -> None:
    rows = rig.measure(Plan(sizes=(10, 201), subjects=("processes",)))
    for row in rows:
        assert ["value" in point for point in row["points"]] == [True, False]
        assert "more than 200 dataplane processes" in row["points"][1]["reason"]


def test_a_benchmark_that_measures_nothing_fails(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(_nodes: int) -> finding.Found:
        raise RunError("no routes today")

    monkeypatch.setattr(finding, "by_nodes", none)
    rig.failing = {10}
    with pytest.raises(RunError, match="too many"):
        rig.measure(Plan(sizes=(10,), subjects=("nodes",)))
