"""Throughput of all flows together by processors of each node: Figure 4 of the Nextmini paper."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.figures.cases import Case, in_turn
from bench.figures.command import Figure, Measured, main
from bench.figures.document import Origin, Panel
from bench.figures.ours import CPU, THROUGHPUT
from nextmini.bench.processors import Plan, chain
from nextmini.bench.running import prepared

if TYPE_CHECKING:
    from bench.figures.cases import Found, Tell
    from bench.figures.effort import Effort
    from nextmini.bench.chains import Kind
    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt


async def measure(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    """See `bench.figures.command.Figure`."""
    plan = Plan(
        processors=effort.choose((1, 2, 4), (1, 2)),
        flows=effort.choose((1, 4, 16), (1, 4)),
        mappings=("sequential",),
        seconds=effort.seconds,
    )
    async with prepared(interrupt) as bench:
        cases = [
            _case(bench, plan, kind, flows, processors)
            for kind in plan.kinds
            for flows in plan.flows
            for processors in plan.processors
        ]
        return Measured(await in_turn(cases, effort.repeat, tell))


def _case(bench: Bench, plan: Plan, kind: Kind, flows: int, processors: int) -> Case:
    name = f"{flows} flow{'s' if flows > 1 else ''}"

    async def once() -> Found:
        carried = await chain(plan, kind, "sequential", flows, processors).carried(bench)
        return {name: {THROUGHPUT: carried.gbps, CPU: carried.cpu}}

    return Case(kind, processors, {name: Origin.OURS}, once)


_PANEL = Panel("lossless", "Lossless flows", "processors of each node", THROUGHPUT, "Gbit/s", columns=(CPU,))

FIGURE = Figure(
    name="fig04",
    module="fig04_processors",
    title="Throughput of all flows by processors of a node",
    panels=(_PANEL, replace(_PANEL, key="tcp", title="smoltcp flows")),
    measure=measure,
    notes=(("One relay between source and destination, links in memory, sequential mapping, MTU 1,500."),),
)

if __name__ == "__main__":
    sys.exit(main(FIGURE))
