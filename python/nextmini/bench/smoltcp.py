"""Throughput of TCP flows over a line of nodes, beside the same TCP with nothing between its ends.

Both ends of such a flow are a TCP/IP stack in user space (smoltcp). The baseline has the same two stacks,
which hand their packets to each other in one thread; it makes its data and sums them up at both ends as flows
do. Bytes count once they have been acknowledged. See `nextmini.bench.chains`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nextmini.bench.baseline import stack_loopback
from nextmini.bench.chains import Batching, Chain, Congestion, Transport
from nextmini.bench.figures import Samples, middle, spread
from nextmini.bench.plan import each_once, within
from nextmini.bench.running import prepared

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt

MOST_HOPS = 1_000
MOST_FLOWS = 1_000
LEAST_MTU, MOST_MTU = 576, 65_535
WINDOW = 256 * 1024
"""Bytes of the baseline's buffers, which stay in a core's cache: nothing is under way for long there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: each number of `hops` with `flows` at once, for `seconds`, `repeat` times.

    Packets have up to `mtu` bytes, their headers included. Raises PlanError if that makes no sense.
    """

    hops: tuple[int, ...] = (1, 2, 5, 10)
    transport: Transport = "memory"
    flows: int = 1
    processors: int = 1
    mtu: int = 1_500
    congestion: Congestion = "cubic"
    seconds: float = 2.0
    repeat: int = 5
    batching: Batching = "on"

    def __post_init__(self) -> None:
        each_once(self.hops, "--hops", "1,2,5,10")
        for hops in self.hops:
            within(hops, "--hops", 1, MOST_HOPS)
        within(self.flows, "--flows", 1, MOST_FLOWS)
        within(self.processors, "--processors", 1, 256)
        within(self.mtu, "--mtu", LEAST_MTU, MOST_MTU)
        within(self.seconds, "--seconds", 0.1, 3_600)
        within(self.repeat, "--repeat", 1, 1_000)


@dataclass(slots=True)
class TcpSamples(Samples):
    """The baseline is the two ends alone."""

    retransmitted: list[float] = field(default_factory=list)


async def measure(plan: Plan, interrupt: Interrupt, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row for each number of hops; `tell` hears what is being measured.

    Raises RunError, Interrupted, and whatever keeps a run from beginning.
    """
    samples = {hops: TcpSamples() for hops in plan.hops}
    async with prepared(interrupt) as bench:
        for repetition in range(1, plan.repeat + 1):
            where = f"repetition {repetition} of {plan.repeat}"
            for hops, sample in samples.items():
                tell(f"{where}: {hops} hop{'s' if hops > 1 else ''}")
                await once(bench, plan, hops, sample)
    return [_row(plan, hops, sample) for hops, sample in samples.items()]


async def once(bench: Bench, plan: Plan, hops: int, sample: TcpSamples) -> None:
    """One value more of ours, and then of both ends alone. Raises as `Bench.run`."""
    carried = await chain(plan, hops).carried(bench)
    sample.gbps.append(carried.gbps)
    sample.cpu.append(carried.cpu)
    sample.retransmitted.append(carried.retransmitted)
    alone = stack_loopback(plan.mtu, WINDOW, plan.seconds)
    sample.baseline.append(await bench.interrupt.guard(alone))


def chain(plan: Plan, hops: int) -> Chain:
    """What is measured of ours."""
    return Chain(
        hops,
        plan.transport,
        plan.flows,
        plan.seconds,
        processors=plan.processors,
        kind="tcp",
        mtu=plan.mtu,
        congestion=plan.congestion,
        batching=plan.batching,
    )


def _row(plan: Plan, hops: int, sample: TcpSamples) -> dict[str, Any]:
    measured = {
        "gbps": sample.gbps,
        "baseline_gbps": sample.baseline,
        "ratio": sample.ratios(),
        "cpu_seconds_per_gb": sample.cpu,
        "retransmitted": sample.retransmitted,
    }
    asked = {
        "hops": hops,
        "transport": plan.transport,
        "flows": plan.flows,
        "processors": plan.processors,
        "mtu": plan.mtu,
        "congestion": plan.congestion,
    }
    figures = {name: middle(values) for name, values in measured.items()}
    return asked | figures | {"spread": {name: spread(values) for name, values in measured.items()}}
