"""`nextmini bench control`: what is measured, and what becomes of the figures."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.algorithms import Link, Network, Node, Route
from nextmini.bench import control
from nextmini.bench.confirmation import Confirmations
from nextmini.bench.connecting import connections_per_second
from nextmini.bench.control import Plan, line, measure
from nextmini.bench.deciding import Alternate
from nextmini.bench.figures import percentile
from nextmini.bench.plan import PlanError
from nextmini.cli import bench_tables
from nextmini.experiment import Interrupt
from nextmini.scenario import resolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"nodes": ()}, "--nodes"),
        ({"nodes": (3,)}, "--nodes"),
        ({"nodes": (5, 5)}, "--nodes"),
        ({"processes": (0,)}, "--processes"),
        ({"nodes": (5,), "processes": (6,)}, "--processes"),
        ({"updates": 1}, "--updates"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_the_name_of_its_option(
    settings: dict[str, Any], option: str
) -> None:
    with pytest.raises(PlanError, match=option) as refusal:
        Plan(**settings)
    assert refusal.value.exit_code == 2
    assert refusal.value.remedy


def test_a_route_over_all_nodes_has_another_path_over_all_but_one() -> None:
    network = resolve(line(6, 2))
    assert (len(network.nodes), network.processes) == (6, 2)
    (route,) = network.routes
    assert route.path == (1, 2, 3, 4, 5)
    joined = {frozenset((link.a, link.b)) for link in network.links}
    assert {frozenset(pair) for pair in ((1, 6), (6, 3))} <= joined


def test_decisions_are_made_in_a_network_that_can_be() -> None:
    network = resolve(line(6, 2, control.DECIDED, control.SAMPLING_MS))
    assert [(flow.kind, flow.duration) for flow in network.flows] == [("udp", 86_400.0)]
    assert network.interval == 0.2


def test_the_algorithm_goes_back_and_forth() -> None:
    network = Network()
    for id in (1, 2, 3, 4):
        network.put_node(id, Node(id, f"n{id}"))
    for id, (a, b) in enumerate([(1, 2), (2, 3), (1, 4), (4, 3)], 1):
        network.put_link(id, Link(id, a, b))
    network.put_route(1, Route(1, (1, 2, 3)))
    algorithm = Alternate()
    paths = []
    for _ in range(3):
        algorithm.on_link_metrics(network, [])
        paths.append(network.routes[1].path)
    assert paths == [(1, 4, 3), (1, 2, 3), (1, 4, 3)]


def test_percentiles_are_of_the_nearest_rank() -> None:
    assert percentile(range(1, 101), 99) == 99
    assert percentile([5.0], 99) == 5.0
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0


class Database:
    """Stands for a connection: a state follows each change at once, after one that is not in force yet."""

    def __init__(self) -> None:
        self.generation = 4
        self.status = "installed"
        self.hear: Any = None

    async def fetchrow(self, _query: str, _id: int) -> dict[str, Any]:
        return {"generation": self.generation, "status": self.status}

    async def execute(self, _query: str, id: int, _value: object) -> None:
        for status in ("pending", "installed"):
            self.generation, self.status = self.generation + 1, status
            self.hear(None, 0, "", json.dumps({"table": "route_state", "op": "update", "ids": [id, 77]}))


def test_a_change_is_confirmed_when_its_row_is_in_force_in_a_new_generation() -> None:
    async def changes() -> None:
        database = Database()
        confirmations = Confirmations(database)  # type: ignore[arg-type]
        database.hear = confirmations._hear
        async with asyncio.timeout(30):
            await confirmations.change("route", 1, "UPDATE", 0)
            assert database.generation == 6
            await confirmations.change("route", 1, "UPDATE", 0)
        waiting = asyncio.ensure_future(confirmations.next("route", 1))
        database.hear(None, 0, "", json.dumps({"table": "route_state", "op": "update", "ids": [1]}))
        await asyncio.sleep(0)
        assert not waiting.done(), "the state is the one that is known"
        waiting.cancel()

    asyncio.run(changes())


def test_rows_and_rates_become_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    numbers = count(1)

    @asynccontextmanager
    async def prepared(_interrupt: Interrupt) -> AsyncIterator[object]:
        yield None

    async def changes(_bench: object, nodes: int, processes: int, updates: int) -> list[dict[str, Any]]:
        return [control._row(control.ROUTE, nodes, processes, [next(numbers) / 1000 for _ in range(updates)])]

    async def decisions(_bench: object, nodes: int, processes: int, updates: int) -> dict[str, Any]:
        return control._row(control.DECISION, nodes, processes, [0.02] * updates)

    async def rate(_seconds: float) -> float:
        return 12_345.678

    monkeypatch.setattr(control, "prepared", prepared)
    monkeypatch.setattr(control, "_changes", changes)
    monkeypatch.setattr(control, "_decisions", decisions)
    monkeypatch.setattr(control, "rows_per_second", rate)
    monkeypatch.setattr(control, "connections_per_second", rate)
    plan = Plan(nodes=(10,), processes=(1,), updates=3)
    rows = asyncio.run(measure(plan, Interrupt(), told.append))
    assert rows == [
        {"what": "route update", "nodes": 10, "processes": 1, "updates": 3, "p50_ms": 2.0, "p99_ms": 3.0},
        {"what": "decision", "nodes": 10, "processes": 1, "updates": 3, "p50_ms": 20.0, "p99_ms": 20.0},
        {"what": "metrics rows", "per_second": 12_350.0},
        {"what": "connections", "per_second": 12_350.0},
    ]
    assert told[0] == "10 nodes in 1 process: rows"
    bench_tables.print_control(rows, plan)
    shown = capsys.readouterr().out
    assert "route update" in shown
    assert "12,350" in shown


def test_connections_are_counted_one_by_one() -> None:
    assert asyncio.run(connections_per_second(0.2)) > 1
