"""`nextmini bench max`: what is measured, in which order, and what becomes of the figures."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.bench import chains, max_mode
from nextmini.bench.max_mode import Plan, chain, measure
from nextmini.bench.plan import PlanError
from nextmini.bench.running import Bench
from nextmini.experiment import Interrupt
from nextmini.scenario import resolve

if TYPE_CHECKING:
    from nextmini.bench.chains import Chain


def test_all_flows_are_in_max_mode_from_end_to_end() -> None:
    network = resolve(chain(Plan(flows=2, seconds=0.5), 3).scenario)
    flows = [(flow.source, flow.destination, flow.mode, flow.duration) for flow in network.flows]
    assert flows == [(1, 5, "max", 0.5)] * 2
    assert {link.transport for link in network.links} == {"tcp"}


WRONG: list[dict[str, Any]] = [
    {"hops": (0,)},
    {"hops": (1, 1)},
    {"flows": 0},
    {"seconds": 0.0},
    {"repeat": 0},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_plans_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        Plan(**wrong)


class Rig:
    """Stands for the machine: ours carries 12, and bare chains what their relays leave of 40 or of 20."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[str, int]] = []
        monkeypatch.setattr(max_mode, "prepared", lambda _interrupt: self)
        monkeypatch.setattr(max_mode, "relay_chain", self.bare)
        monkeypatch.setattr(chains.Chain, "measured", lambda chain, _bench: self.ours(chain))

    async def __aenter__(self) -> Bench:
        return Bench(Path("unused"), Interrupt())

    async def __aexit__(self, *_error: object) -> None: ...

    async def bare(self, relays: int, _seconds: float, *, splice: bool = False) -> float:
        self.done.append(("splice" if splice else "copy", relays))
        return (40.0 if splice else 20.0) / (relays + 1)

    async def ours(self, chain: Chain) -> tuple[float, float]:
        self.done.append((chain.mode, chain.hops))
        return 12.0, 0.5


def test_everything_is_measured_in_turn_and_ends_up_in_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch)
    plan = Plan(hops=(1, 3), transport="memory", repeat=2)
    rows = asyncio.run(measure(plan, Interrupt(), lambda _text: None))
    one = [("splice", 0), *((kind, hops) for hops in (1, 3) for kind in ("max", "splice", "copy"))]
    assert rig.done == one * 2
    assert [(row["hops"], row["splice_gbps"], row["copy_gbps"], row["ratio"]) for row in rows] == [
        (1, 20.0, 10.0, 0.6),
        (3, 10.0, 5.0, 1.2),
    ]
    assert {(row["gbps"], row["direct_gbps"], row["joined"]) for row in rows} == {(12.0, 40.0, True)}
    assert json.loads(json.dumps(rows)) == rows
