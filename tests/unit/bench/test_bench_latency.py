"""`nextmini bench latency`: what is measured, in which order, and what becomes of the figures."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.bench import latency
from nextmini.bench.latency import Plan, line, measure
from nextmini.bench.plan import PlanError
from nextmini.cli import bench_tables
from nextmini.experiment import Interrupt
from nextmini.scenario import resolve

if TYPE_CHECKING:
    from nextmini.scenario import Scenario


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"hops": ()}, "--hops"),
        ({"hops": (-1,)}, "--hops"),
        ({"transports": ("memory", "memory")}, "--transport"),
        ({"transports": ("pigeon",)}, "--transport"),
        ({"seconds": 0.0}, "--seconds"),
        ({"repeat": 0}, "--repeat"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_the_name_of_its_option(
    settings: dict[str, Any], option: str
) -> None:
    with pytest.raises(PlanError, match=option):
        Plan(**settings)


def test_a_hundred_requests_a_second_cross_the_whole_line() -> None:
    network = resolve(line("tcp", 3, 0.5))
    assert (len(network.nodes), len(network.links), network.processes) == (5, 4, 1)
    assert {link.transport for link in network.links} == {"tcp"}
    (flow,) = network.flows
    assert (flow.source, flow.destination, flow.kind, flow.duration) == (1, 5, "icmp", 0.5)
    assert flow.packet_size is not None
    assert flow.rate == 100 * flow.packet_size * 8


class Rig:
    """Stands for the machine: a link takes 10 microseconds each way, those over TCP 20."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[str, int]] = []
        monkeypatch.setattr(latency, "prepared", lambda _interrupt: self)
        monkeypatch.setattr(latency, "round_trips", self.round_trips)

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_error: object) -> None: ...

    async def round_trips(self, _bench: object, scenario: Scenario) -> tuple[float, float]:
        network = resolve(scenario)
        links, (transport,) = len(network.links), {link.transport for link in network.links}
        self.done.append((transport, links - 1))
        took = 2 * links * (20.0 if transport == "tcp" else 10.0)
        return took, took * 2


def test_a_hop_takes_half_of_what_it_adds_to_a_round_trip(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rig, plan = Rig(monkeypatch), Plan(hops=(4, 0), repeat=2)
    rows = asyncio.run(measure(plan, Interrupt(), lambda _text: None))
    assert rig.done == [("memory", 4), ("memory", 0), ("tcp", 4), ("tcp", 0)] * 2
    figures = ("transport", "hops", "rtt_us", "rtt_p99_us", "each_hop_us")
    assert [tuple(row[figure] for figure in figures) for row in rows] == [
        ("memory", 4, 100.0, 200.0, 10.0),
        ("memory", 0, 20.0, 40.0, None),
        ("tcp", 4, 200.0, 400.0, 20.0),
        ("tcp", 0, 40.0, 80.0, None),
    ]
    assert rows[2]["spread"] == {"rtt_us": [200.0] * 2, "rtt_p99_us": [400.0] * 2, "each_hop_us": [20.0] * 2}
    assert json.loads(json.dumps(rows)) == rows
    bench_tables.print_latency(rows, plan)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split() == ["tcp", "4", "200.0", "400.0", "20.00", "20.00-20.00"]
