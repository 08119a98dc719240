"""Throughput of real programs over a line of nodes, beside two TUN devices with nothing between them.

H hops are H links, between H + 1 nodes with a network namespace each; the first and the last have iperf3. All
nodes are in one dataplane process, and everything that belongs to an experiment is there. The baseline is
`nextmini.bench.bare_tuns`, measured in turn with the same programs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from nextmini.bench.bare_tuns import bare_tuns
from nextmini.bench.figures import Samples, middle, spread
from nextmini.bench.iperf import Ends, Received, throughput
from nextmini.bench.network import in_force, unless
from nextmini.bench.plan import each_once, within
from nextmini.bench.prerequisites import require_program, require_root
from nextmini.bench.processes import cpu_seconds, dataplanes
from nextmini.bench.running import EXPERIMENT, prepared
from nextmini.hosts.namespaces import places
from nextmini.scenario import Scenario, loads, resolve
from nextmini.store import StateFolder

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from nextmini.bench.bare_tuns import Relay
    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt

Transport = Literal["memory", "tcp"]
Offload = Literal["on", "off"]

MOST_HOPS = 250
MOST_FLOWS = 128
"""What iperf3 allows."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: each number of `hops` with each number of `flows`, for `seconds`, `repeat` times.

    Raises PlanError if that makes no sense.
    """

    hops: tuple[int, ...] = (1, 2, 5, 10, 30)
    flows: tuple[int, ...] = (1, 8)
    transport: Transport = "memory"
    offload: Offload = "on"
    queues: int = 1
    seconds: float = 2.0
    repeat: int = 5

    def __post_init__(self) -> None:
        for option, numbers, most in (("--hops", self.hops, MOST_HOPS), ("--flows", self.flows, MOST_FLOWS)):
            each_once(numbers, option, "1,8")
            for number in numbers:
                within(number, option, 1, most)
        within(self.queues, "--queues", 1, 16)
        within(self.seconds, "--seconds", 1, 3_600)
        within(self.repeat, "--repeat", 1, 1_000)


async def measure(plan: Plan, interrupt: Interrupt, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row for each number of hops and of flows; `tell` hears what is being measured.

    Raises PrerequisiteError without root or iperf3, RunError, Interrupted, and whatever keeps a run from
    beginning.
    """
    require()
    samples = {(hops, flows): Samples() for hops in plan.hops for flows in plan.flows}
    async with prepared(interrupt) as bench, bare_tuns(plan.offload) as relay:
        for repetition in range(1, plan.repeat + 1):
            for hops in plan.hops:
                tell(f"repetition {repetition} of {plan.repeat}: {hops} hop{'s' if hops > 1 else ''}")
                both = Both(plan, bench, relay)
                await both.line(hops, {flows: samples[hops, flows] for flows in plan.flows})
    return [_row(plan, *key, sample) for key, sample in samples.items()]


def require() -> None:
    """Raises PrerequisiteError without root or iperf3."""
    require_root()
    require_program("iperf3", "iperf3")


def line(plan: Plan, hops: int) -> Scenario:
    """The scenario: a line with `hops` links."""
    return loads(
        f'[experiment]\nname = "{EXPERIMENT}"\n'
        f'[network]\ntransport = "{plan.transport}"\nisolation = "namespace"\n'
        f"offload = {'true' if plan.offload == 'on' else 'false'}\nqueues = {plan.queues}\n"
        f'[topology]\nkind = "line"\nnodes = {hops + 1}\n',
        file="bench.toml",
    )


@dataclass(frozen=True, slots=True)
class Both:
    """Measures ours and the baseline in turn."""

    plan: Plan
    bench: Bench
    relay: Relay

    async def line(self, hops: int, samples: dict[int, Samples]) -> None:
        """One value more for each number of flows."""
        scenario = line(self.plan, hops)
        nodes = resolve(scenario).nodes
        async with in_force(self.bench, scenario, f"a line of {hops}") as lost:
            there = places(StateFolder.locate(None).folder(EXPERIMENT), EXPERIMENT)
            ends = Ends(there[nodes[0].name], there[nodes[-1].name], nodes[-1].address)
            (process,) = dataplanes()
            for flows, sample in samples.items():
                got, cpu = await self._one(flows, ends, process, lost)
                sample.gbps.append(got.gbps)
                sample.cpu.append(cpu)
                got, cpu = await self._one(flows, self.relay.ends, self.relay.process, self.relay.lost)
                sample.baseline.append(got.gbps)
                sample.baseline_cpu.append(cpu)

    async def _one(
        self, flows: int, ends: Ends, process: int, lost: asyncio.Future[None]
    ) -> tuple[Received, float]:
        """What came through, and CPU seconds of what carried it by GB."""
        before = cpu_seconds(process)
        work = unless(lost, throughput(ends, flows, self.plan.seconds))
        got = await self.bench.interrupt.guard(work)
        return got, (cpu_seconds(process) - before) / got.gigabytes


def _row(plan: Plan, hops: int, flows: int, sample: Samples) -> dict[str, Any]:
    ratios = sample.ratios()
    return {
        "hops": hops,
        "transport": plan.transport,
        "flows": flows,
        "offload": plan.offload,
        "queues": plan.queues,
        "gbps": middle(sample.gbps),
        "baseline_gbps": middle(sample.baseline),
        "ratio": middle(ratios),
        "cpu_seconds_per_gb": middle(sample.cpu),
        "baseline_cpu_seconds_per_gb": middle(sample.baseline_cpu),
        "spread": {
            "gbps": spread(sample.gbps),
            "baseline_gbps": spread(sample.baseline),
            "ratio": spread(ratios),
        },
    }
