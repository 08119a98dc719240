"""Start and throughput of chains over five machines: Figure 10 of the Nextmini paper, in five processes.

Each machine of the paper's swarm is a dataplane process here, and all links are TCP connections.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from bench.figures.cases import Case, in_turn
from bench.figures.command import Figure, Measured, main
from bench.figures.document import Origin, Panel, Row
from bench.figures.ours import THROUGHPUT
from nextmini.bench import tun
from nextmini.bench.iperf import Ends, throughput
from nextmini.bench.network import in_force, unless
from nextmini.bench.running import EXPERIMENT, prepared
from nextmini.hosts.namespaces import places
from nextmini.scenario import Scenario, loads, resolve
from nextmini.store import StateFolder

if TYPE_CHECKING:
    from bench.figures.cases import Found, Tell
    from bench.figures.effort import Effort
    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt

MACHINES = 5
TUN, TCP, STARTED = "TUN, iperf3", "smoltcp flow", "five processes"
START = "start_seconds"


async def measure(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    """See `bench.figures.command.Figure`."""
    tun.require()
    async with prepared(interrupt) as bench:
        cases = []
        for nodes in effort.choose((20, 40, 60, 80, 100), (20, 100)):
            cases += [_tun(bench, nodes, effort.iperf_seconds), _tcp(bench, nodes, effort.seconds)]
        rows = await in_turn(cases, effort.repeat, tell)
    started = [
        Row("start", STARTED, row.x, row.origin, {START: row.values[START]})
        for row in rows
        if START in row.values
    ]
    return Measured([*started, *rows])


def chain(nodes: int, isolation: str, flow: str = "") -> Scenario:
    """A line of nodes, equal blocks of which are in five processes."""
    return loads(
        f'[experiment]\nname = "{EXPERIMENT}"\nprocesses = {MACHINES}\n'
        f'[network]\ntransport = "tcp"\nisolation = "{isolation}"\n'
        f'[topology]\nkind = "line"\nnodes = {nodes}\n{flow}',
        file="bench.toml",
    )


def _tun(bench: Bench, nodes: int, seconds: float) -> Case:
    scenario = chain(nodes, "namespace")
    made = resolve(scenario).nodes

    async def once() -> Found:
        began = time.monotonic()
        async with in_force(bench, scenario, f"a chain of {nodes}") as lost:
            started = time.monotonic() - began
            there = places(StateFolder.locate(None).folder(EXPERIMENT), EXPERIMENT)
            ends = Ends(there[made[0].name], there[made[-1].name], made[-1].address)
            got = await bench.interrupt.guard(unless(lost, throughput(ends, 1, seconds)))
        return {TUN: {THROUGHPUT: got.gbps, START: started}}

    return Case("throughput", nodes, {TUN: Origin.OURS}, once)


def _tcp(bench: Bench, nodes: int, seconds: float) -> Case:
    flow = f'[[flows]]\nsource = "n1"\ndestination = "n{nodes}"\nkind = "tcp"\nduration = "{seconds!r} s"\n'
    scenario = chain(nodes, "none", flow)

    async def once() -> Found:
        outcome = await bench.run(scenario, f"a chain of {nodes}")
        (done,) = outcome.document["flows"]
        return {TCP: {THROUGHPUT: done["bytes"] * 8 / done["seconds"] / 1e9}}

    return Case("throughput", nodes, {TCP: Origin.OURS}, once)


FIGURE = Figure(
    name="fig10",
    module="fig10_swarm",
    title="Chains of nodes over five machines",
    panels=(
        Panel("start", "Start-up, nodes with namespaces", "nodes", START, "s"),
        Panel("throughput", "Throughput from end to end", "nodes", THROUGHPUT, "Gbit/s"),
    ),
    measure=measure,
    notes=(
        ("Start-up is from before the experiment begins until all nodes, links and routes are in force."),
    ),
    stand_in=(
        "Five dataplane processes on one machine, with TCP links, stand for five virtual machines of a swarm."
    ),
)

if __name__ == "__main__":
    sys.exit(main(FIGURE))
