"""Throughput of lossless flows over a line of nodes, beside bare TCP over as many relays.

Bytes count once they have been acknowledged end to end. See `nextmini.bench.chains`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.bench.baseline import relay_chain
from nextmini.bench.chains import Batching, Chain, Transport
from nextmini.bench.figures import Samples, middle, spread
from nextmini.bench.plan import each_once, within
from nextmini.bench.running import prepared

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt

MOST_HOPS = 1_000
MOST_FLOWS = 10_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: each number of `hops` with `flows` at once, for `seconds`, `repeat` times.

    Raises PlanError if that makes no sense.
    """

    hops: tuple[int, ...] = (1, 2, 5, 10)
    transport: Transport = "tcp"
    flows: int = 1
    processors: int = 1
    seconds: float = 2.0
    repeat: int = 5
    batching: Batching = "on"

    def __post_init__(self) -> None:
        each_once(self.hops, "--hops", "1,2,5,10")
        for hops in self.hops:
            within(hops, "--hops", 1, MOST_HOPS)
        within(self.flows, "--flows", 1, MOST_FLOWS)
        within(self.processors, "--processors", 1, 256)
        within(self.seconds, "--seconds", 0.1, 3_600)
        within(self.repeat, "--repeat", 1, 1_000)


async def measure(plan: Plan, interrupt: Interrupt, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row for each number of hops; `tell` hears what is being measured.

    Raises RunError, Interrupted, and whatever keeps a run from beginning.
    """
    samples = {hops: Samples() for hops in plan.hops}
    direct: list[float] = []
    async with prepared(interrupt) as bench:
        for repetition in range(1, plan.repeat + 1):
            where = f"repetition {repetition} of {plan.repeat}"
            tell(f"{where}: a direct connection")
            direct.append(await interrupt.guard(relay_chain(0, plan.seconds)))
            for hops, sample in samples.items():
                tell(f"{where}: {hops} hop{'s' if hops > 1 else ''}")
                await once(bench, plan, hops, sample)
    return [_row(plan, hops, sample, direct) for hops, sample in samples.items()]


async def once(bench: Bench, plan: Plan, hops: int, sample: Samples) -> None:
    """One value more of ours, and then of the bare chain. Raises as `Bench.run`."""
    gbps, cpu = await chain(plan, hops).measured(bench)
    sample.gbps.append(gbps)
    sample.cpu.append(cpu)
    sample.baseline.append(await bench.interrupt.guard(relay_chain(hops, plan.seconds)))


def chain(plan: Plan, hops: int) -> Chain:
    """What is measured of ours."""
    return Chain(
        hops, plan.transport, plan.flows, plan.seconds, processors=plan.processors, batching=plan.batching
    )


def _row(plan: Plan, hops: int, sample: Samples, direct: list[float]) -> dict[str, Any]:
    ratios = sample.ratios()
    return {
        "hops": hops,
        "transport": plan.transport,
        "flows": plan.flows,
        "processors": plan.processors,
        "batching": plan.batching,
        "gbps": middle(sample.gbps),
        "baseline_gbps": middle(sample.baseline),
        "ratio": middle(ratios),
        "direct_gbps": middle(direct),
        "cpu_seconds_per_gb": middle(sample.cpu),
        "spread": {
            "gbps": spread(sample.gbps),
            "baseline_gbps": spread(sample.baseline),
            "ratio": spread(ratios),
            "direct_gbps": spread(direct),
        },
    }
