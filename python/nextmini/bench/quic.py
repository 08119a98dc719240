"""Throughput of lossless flows over a line of nodes with QUIC links, beside bare QUIC over as many relays.

The baseline is a chain of as many QUIC connections over loopback, with the settings that links have: it
encrypts as often as a line does. See `nextmini.bench.chains`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.bench.baseline import quic_chain
from nextmini.bench.chains import Chain
from nextmini.bench.figures import Samples, middle, spread
from nextmini.bench.plan import each_once, within
from nextmini.bench.running import prepared

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.experiment import Interrupt

MOST_HOPS = 250
MOST_FLOWS = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: each number of `hops` with `flows` at once, for `seconds`, `repeat` times.

    Raises PlanError if that makes no sense.
    """

    hops: tuple[int, ...] = (1, 2, 5)
    flows: int = 1
    seconds: float = 2.0
    repeat: int = 5

    def __post_init__(self) -> None:
        each_once(self.hops, "--hops", "1,2,5")
        for hops in self.hops:
            within(hops, "--hops", 0, MOST_HOPS)
        within(self.flows, "--flows", 1, MOST_FLOWS)
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
            direct.append(await interrupt.guard(quic_chain(0, plan.seconds)))
            for hops, sample in samples.items():
                name = f"{hops} hop{'' if hops == 1 else 's'}"
                tell(f"{where}: {name}")
                gbps, cpu = await chain(plan, hops).measured(bench)
                sample.gbps.append(gbps)
                sample.cpu.append(cpu)
                tell(f"{where}: {name}, bare")
                sample.baseline.append(await interrupt.guard(quic_chain(hops, plan.seconds)))
    return [_row(plan, hops, sample, direct) for hops, sample in samples.items()]


def chain(plan: Plan, hops: int) -> Chain:
    """What is measured of ours."""
    return Chain(hops, "quic", plan.flows, plan.seconds)


def _row(plan: Plan, hops: int, sample: Samples, direct: list[float]) -> dict[str, Any]:
    ratios = sample.ratios()
    return {
        "hops": hops,
        "flows": plan.flows,
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
