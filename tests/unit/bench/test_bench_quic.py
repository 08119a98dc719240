"""`nextmini bench quic`: what is measured, in which order, and what becomes of the figures."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.bench import chains, quic
from nextmini.bench.plan import PlanError
from nextmini.bench.quic import Plan, chain, measure
from nextmini.cli import bench_tables
from nextmini.experiment import Interrupt
from nextmini.scenario import resolve

if TYPE_CHECKING:
    from nextmini.bench.chains import Chain


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"hops": ()}, "--hops"),
        ({"hops": (-1,)}, "--hops"),
        ({"hops": (2, 2)}, "--hops"),
        ({"flows": 0}, "--flows"),
        ({"seconds": 0.0}, "--seconds"),
        ({"repeat": 0}, "--repeat"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_the_name_of_its_option(
    settings: dict[str, Any], option: str
) -> None:
    with pytest.raises(PlanError, match=option):
        Plan(**settings)


def test_all_links_are_quic_and_all_flows_lossless() -> None:
    network = resolve(chain(Plan(flows=2, seconds=0.5), 4).scenario)
    assert (len(network.nodes), len(network.links), network.processes) == (6, 5, 1)
    assert {(link.transport, link.congestion) for link in network.links} == {("quic", "cubic")}
    flows = [(flow.source, flow.destination, flow.kind, flow.mode) for flow in network.flows]
    assert flows == [(1, 6, "lossless", "normal")] * 2
    assert {flow.duration for flow in network.flows} == {0.5}


class Rig:
    """Stands for the machine: a chain carries 12 by its links, a bare one twice that."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[str, int]] = []
        monkeypatch.setattr(quic, "prepared", lambda _interrupt: self)
        monkeypatch.setattr(quic, "quic_chain", self.bare)
        monkeypatch.setattr(chains.Chain, "measured", lambda chain, _bench: self.ours(chain))

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_error: object) -> None: ...

    async def bare(self, relays: int, _seconds: float) -> float:
        self.done.append(("bare", relays))
        return 24.0 / (relays + 1)

    async def ours(self, chain: Chain) -> tuple[float, float]:
        self.done.append(("ours", chain.hops))
        return 12.0 / (chain.hops + 1), 0.5


def test_everything_is_measured_in_turn_and_ends_up_in_its_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rig, plan = Rig(monkeypatch), Plan(hops=(0, 3), repeat=2)
    rows = asyncio.run(measure(plan, Interrupt(), lambda _text: None))
    assert rig.done == [("bare", 0), ("ours", 0), ("bare", 0), ("ours", 3), ("bare", 3)] * 2
    figures = ("hops", "flows", "gbps", "baseline_gbps", "ratio", "direct_gbps", "cpu_seconds_per_gb")
    assert [tuple(row[figure] for figure in figures) for row in rows] == [
        (0, 1, 12.0, 24.0, 0.5, 24.0, 0.5),
        (3, 1, 3.0, 6.0, 0.5, 24.0, 0.5),
    ]
    assert rows[1]["spread"] == {
        "gbps": [3.0, 3.0],
        "baseline_gbps": [6.0, 6.0],
        "ratio": [0.5, 0.5],
        "direct_gbps": [24.0, 24.0],
    }
    assert json.loads(json.dumps(rows)) == rows
    bench_tables.print_quic(rows, plan)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split() == ["3", "3.00", "6.00", "0.50", "0.50-0.50", "24.00", "0.50"]
