"""Throughput of flows in max mode over a line of nodes, beside bare chains of as many relays.

Two of these are measured in the same run: threads that have the kernel splice from one connection to the
next, which is what max mode is to be as fast as, and threads that copy. See `nextmini.bench.chains`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nextmini.bench.baseline import relay_chain
from nextmini.bench.chains import Chain, Transport
from nextmini.bench.figures import Samples, middle, spread
from nextmini.bench.plan import each_once, within
from nextmini.bench.running import prepared

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt

MOST_HOPS = 250
MOST_FLOWS = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: each number of `hops` with `flows` at once, for `seconds`, `repeat` times.

    Raises PlanError if that makes no sense.
    """

    hops: tuple[int, ...] = (1, 2, 5, 10, 30)
    transport: Transport = "tcp"
    flows: int = 1
    seconds: float = 2.0
    repeat: int = 5

    def __post_init__(self) -> None:
        each_once(self.hops, "--hops", "1,2,5,10,30")
        for hops in self.hops:
            within(hops, "--hops", 1, MOST_HOPS)
        within(self.flows, "--flows", 1, MOST_FLOWS)
        within(self.seconds, "--seconds", 0.1, 3_600)
        within(self.repeat, "--repeat", 1, 1_000)


@dataclass(slots=True)
class _Samples(Samples):
    """The baseline is the splicing chain."""

    copy: list[float] = field(default_factory=list)


async def measure(plan: Plan, interrupt: Interrupt, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row for each number of hops; `tell` hears what is being measured.

    Raises RunError, Interrupted, and whatever keeps a run from beginning.
    """
    samples = {hops: _Samples() for hops in plan.hops}
    direct: list[float] = []
    async with prepared(interrupt) as bench:
        for repetition in range(1, plan.repeat + 1):
            where = f"repetition {repetition} of {plan.repeat}"
            tell(f"{where}: a direct connection")
            direct.append(await interrupt.guard(relay_chain(0, plan.seconds, splice=True)))
            for hops, sample in samples.items():
                name = f"{hops} hop{'s' if hops > 1 else ''}"
                tell(f"{where}: {name}")
                await once(bench, plan, hops, sample)
                tell(f"{where}: {name}, copied bare")
                sample.copy.append(await interrupt.guard(relay_chain(hops, plan.seconds)))
    return [_row(plan, hops, sample, direct) for hops, sample in samples.items()]


async def once(bench: Bench, plan: Plan, hops: int, sample: Samples) -> None:
    """One value more of ours, and then of the splicing chain. Raises as `Bench.run`."""
    gbps, cpu = await chain(plan, hops).measured(bench)
    sample.gbps.append(gbps)
    sample.cpu.append(cpu)
    spliced = relay_chain(hops, plan.seconds, splice=True)
    sample.baseline.append(await bench.interrupt.guard(spliced))


def chain(plan: Plan, hops: int) -> Chain:
    """What is measured of ours."""
    return Chain(hops, plan.transport, plan.flows, plan.seconds, mode="max")


def _row(plan: Plan, hops: int, sample: _Samples, direct: list[float]) -> dict[str, Any]:
    ratios = sample.ratios()
    return {
        "hops": hops,
        "transport": plan.transport,
        "joined": plan.transport == "memory",
        "flows": plan.flows,
        "gbps": middle(sample.gbps),
        "splice_gbps": middle(sample.baseline),
        "copy_gbps": middle(sample.copy),
        "ratio": middle(ratios),
        "direct_gbps": middle(direct),
        "cpu_seconds_per_gb": middle(sample.cpu),
        "spread": {
            "gbps": spread(sample.gbps),
            "splice_gbps": spread(sample.baseline),
            "copy_gbps": spread(sample.copy),
            "ratio": spread(ratios),
            "direct_gbps": spread(direct),
        },
    }
