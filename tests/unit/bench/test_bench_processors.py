"""`nextmini bench processors`: what is measured, in which order, and what becomes of the figures."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.bench import chains, processors
from nextmini.bench.chains import Carried
from nextmini.bench.plan import PlanError
from nextmini.bench.processors import Plan, chain, kinds_of, mappings_of, measure
from nextmini.cli import bench_tables
from nextmini.experiment import Interrupt
from nextmini.scenario import resolve

if TYPE_CHECKING:
    from nextmini.bench.chains import Chain


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"processors": ()}, "--processors"),
        ({"processors": (0, 1)}, "--processors"),
        ({"processors": (2, 4)}, "--processors: 1 is missing"),
        ({"flows": ()}, "--flows"),
        ({"flows": (4, 4)}, "--flows"),
        ({"flows": (0,)}, "--flows"),
        ({"kinds": ("tcp", "tcp")}, "--kind"),
        ({"mappings": ()}, "--mapping"),
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


def test_kinds_and_mappings_are_called_by_their_names() -> None:
    assert kinds_of("tcp,lossless") == ("tcp", "lossless")
    assert mappings_of("concurrent") == ("concurrent",)
    with pytest.raises(PlanError, match="--kind: 'udp'") as refusal:
        kinds_of("tcp,udp")
    assert refusal.value.remedy == "choose from lossless, tcp"
    with pytest.raises(PlanError, match="--mapping: ''"):
        mappings_of("")


@pytest.mark.parametrize("kind", ["lossless", "tcp"])
def test_every_node_of_one_hop_has_the_processors_and_the_mapping(kind: Any) -> None:
    network = resolve(chain(Plan(seconds=0.5), kind, "concurrent", 4, 2).scenario)
    assert (len(network.nodes), len(network.links), network.processes) == (3, 2, 1)
    assert {(node.processors, node.mapping) for node in network.nodes} == {(2, "concurrent")}
    assert {link.transport for link in network.links} == {"memory"}
    assert [(flow.kind, flow.duration) for flow in network.flows] == [(kind, 0.5)] * 4


class Rig:
    """Stands for the machine: each case carries more every time, and with more processors."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[str, str, int, int]] = []
        monkeypatch.setattr(processors, "prepared", lambda _interrupt: self)
        monkeypatch.setattr(chains.Chain, "carried", lambda chain, _bench: self.ours(chain))

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_error: object) -> None: ...

    async def ours(self, chain: Chain) -> Carried:
        case = (chain.kind, chain.mapping, chain.flows, chain.processors)
        self.done.append(case)
        nth = self.done.count(case)
        return Carried(nth * chain.flows * chain.processors**0.5, 0.25, 3)


def test_all_cases_are_measured_in_turn_and_compared_with_one_processor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rig, plan = Rig(monkeypatch), Plan(processors=(4, 1), flows=(1, 2), repeat=3)
    rows = asyncio.run(measure(plan, Interrupt(), lambda _text: None))
    cases = [
        (kind, mapping, flows, processors)
        for kind in ("lossless", "tcp")
        for mapping in ("sequential", "concurrent")
        for flows in (1, 2)
        for processors in (4, 1)
    ]
    assert rig.done == cases * 3
    asked = ("kind", "mapping", "flows", "processors")
    assert [tuple(row[key] for key in asked) for row in rows] == cases
    figures = [(row["gbps"], row["ratio"]) for row in rows]
    assert figures == [(4.0, 2.0), (2.0, 1.0), (8.0, 2.0), (4.0, 1.0)] * 4
    assert rows[0]["spread"]["gbps"] == [2.0, 6.0]
    assert rows[0]["spread"]["ratio"] == [2.0, 2.0]
    assert {(row["cpu_seconds_per_gb"], row["retransmitted"]) for row in rows} == {(0.25, 3.0)}
    assert json.loads(json.dumps(rows)) == rows
    bench_tables.print_processors(rows, plan)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split() == ["2", "tcp", "concurrent", "4", "8.00", "2.00", "2.00-2.00", "0.25"]
    assert max(map(len, lines)) <= 80
