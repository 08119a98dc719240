"""`nextmini bench smoltcp`: what is measured, in which order, and what becomes of the figures."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.bench import chains, smoltcp
from nextmini.bench.chains import Carried
from nextmini.bench.plan import PlanError
from nextmini.bench.running import Bench
from nextmini.bench.smoltcp import WINDOW, Plan, chain, measure
from nextmini.cli import bench_tables
from nextmini.experiment import Interrupt
from nextmini.scenario import resolve

if TYPE_CHECKING:
    from nextmini.bench.chains import Chain


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"hops": ()}, "--hops"),
        ({"hops": (0,)}, "--hops"),
        ({"hops": (2, 2)}, "--hops"),
        ({"flows": 0}, "--flows"),
        ({"processors": 0}, "--processors"),
        ({"mtu": 575}, "--mtu"),
        ({"mtu": 65_536}, "--mtu"),
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


@pytest.mark.parametrize("mtu", [576, 1_500, 9_000, 65_535])
def test_all_flows_are_tcp_from_end_to_end(mtu: int) -> None:
    plan = Plan(flows=2, processors=3, mtu=mtu, congestion="reno", transport="tcp", seconds=0.5)
    network = resolve(chain(plan, 4).scenario)
    assert (len(network.nodes), len(network.links), network.processes, network.mtu) == (6, 5, 1, mtu)
    assert {node.processors for node in network.nodes} == {3}
    assert {link.transport for link in network.links} == {"tcp"}
    flows = [(flow.source, flow.destination, flow.kind, flow.congestion) for flow in network.flows]
    assert flows == [(1, 6, "tcp", "reno")] * 2
    assert {flow.duration for flow in network.flows} == {0.5}


def test_links_are_in_memory_and_packets_of_1500_bytes_unless_asked_otherwise() -> None:
    network = resolve(chain(Plan(), 1).scenario)
    assert ({link.transport for link in network.links}, network.mtu) == ({"memory"}, 1_500)
    assert {flow.congestion for flow in network.flows} == {"cubic"}


class Rig:
    """Stands for the machine: a chain carries 12 by its hops, both ends alone 24."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[int, ...]] = []
        monkeypatch.setattr(smoltcp, "prepared", lambda _interrupt: self)
        monkeypatch.setattr(smoltcp, "stack_loopback", self.alone)
        monkeypatch.setattr(chains.Chain, "carried", lambda chain, _bench: self.ours(chain))

    async def __aenter__(self) -> Bench:
        return Bench(Path("unused"), Interrupt())

    async def __aexit__(self, *_error: object) -> None: ...

    async def alone(self, mtu: int, window: int, _seconds: float) -> float:
        self.done.append((mtu, window))
        return 24.0

    async def ours(self, chain: Chain) -> Carried:
        self.done.append((chain.hops,))
        return Carried(12.0 / chain.hops, 0.5, 10 * len(self.done))


def test_everything_is_measured_in_turn_and_ends_up_in_its_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rig, plan = Rig(monkeypatch), Plan(hops=(1, 3), mtu=9_000, repeat=3)
    rows = asyncio.run(measure(plan, Interrupt(), lambda _text: None))
    assert rig.done == [(1,), (9_000, WINDOW), (3,), (9_000, WINDOW)] * 3
    figures = ("hops", "gbps", "baseline_gbps", "ratio", "cpu_seconds_per_gb", "retransmitted")
    assert [tuple(row[figure] for figure in figures) for row in rows] == [
        (1, 12.0, 24.0, 0.5, 0.5, 50.0),
        (3, 4.0, 24.0, 0.1667, 0.5, 70.0),
    ]
    assert rows[0]["spread"]["retransmitted"] == [10.0, 90.0]
    asked = {"transport": "memory", "flows": 1, "processors": 1, "mtu": 9_000, "congestion": "cubic"}
    assert all(row | asked == row for row in rows)
    assert json.loads(json.dumps(rows)) == rows
    bench_tables.print_smoltcp(rows, plan)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split() == ["3", "4.00", "24.00", "0.17", "0.17-0.17", "0.50", "70"]
