"""How long an idle network takes to pass a packet on: round trips of echo requests over lines of nodes.

A hundred requests a second of 56 bytes, as `ping` has them, so that nothing waits for anything else. What one
more hop takes is half of what it adds to a round trip, as requests and answers pass each node once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nextmini.bench.figures import middle, spread
from nextmini.bench.plan import PlanError, each_once, within
from nextmini.bench.running import EXPERIMENT, prepared
from nextmini.scenario import Scenario, loads

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt

MOST_HOPS = 250
TRANSPORTS = ("memory", "tcp", "tls", "quic")
A_SECOND = 100
"""Requests."""
BYTES = 56
"""Of each request's payload."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: each number of `hops` over each of `transports`, for `seconds`, `repeat` times.

    Raises PlanError if that makes no sense.
    """

    hops: tuple[int, ...] = (0, 1, 10)
    transports: tuple[str, ...] = ("memory", "tcp")
    seconds: float = 2.0
    repeat: int = 5

    def __post_init__(self) -> None:
        each_once(self.hops, "--hops", "0,1,10")
        for hops in self.hops:
            within(hops, "--hops", 0, MOST_HOPS)
        each_once(self.transports, "--transport", "memory,tcp")
        for transport in self.transports:
            if transport not in TRANSPORTS:
                raise PlanError(
                    f"--transport: {transport!r} is unknown", f"choose from {', '.join(TRANSPORTS)}"
                )
        within(self.seconds, "--seconds", 0.1, 3_600)
        within(self.repeat, "--repeat", 1, 1_000)


@dataclass(slots=True)
class _Samples:
    """Of one line, a value a repetition: median and 99th percentile of round trips, in microseconds."""

    median: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)


async def measure(plan: Plan, interrupt: Interrupt, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row for each transport and number of hops; `tell` hears what is being measured.

    Raises RunError, Interrupted, and whatever keeps a run from beginning.
    """
    lines = [(transport, hops) for transport in plan.transports for hops in plan.hops]
    samples = {line: _Samples() for line in lines}
    async with prepared(interrupt) as bench:
        for repetition in range(1, plan.repeat + 1):
            for transport, hops in lines:
                several = "" if hops == 1 else "s"
                tell(f"repetition {repetition} of {plan.repeat}: {hops} hop{several} over {transport} links")
                median, p99 = await round_trips(bench, line(transport, hops, plan.seconds))
                samples[transport, hops].median.append(median)
                samples[transport, hops].p99.append(p99)
    fewest = min(plan.hops)
    return [_row(at, samples[at], fewest, samples[at[0], fewest]) for at in lines]


def line(transport: str, hops: int, seconds: float) -> Scenario:
    """A line with `hops` nodes between the two ends of the requests."""
    return loads(
        f'[experiment]\nname = "{EXPERIMENT}"\n[network]\ntransport = "{transport}"\n'
        f'[topology]\nkind = "line"\nnodes = {hops + 2}\n'
        f'[[flows]]\nname = "ping"\nkind = "icmp"\nsource = "n1"\ndestination = "n{hops + 2}"\n'
        f'packet_size = {BYTES}\nrate = "{A_SECOND * BYTES * 8} bit/s"\nduration = "{seconds!r} s"\n',
        file="bench.toml",
    )


async def round_trips(bench: Bench, scenario: Scenario) -> tuple[float, float]:
    """The median of all round trips and their 99th percentile, in microseconds. Raises as `Bench.run`."""
    outcome = await bench.run(scenario, "round trips")
    (flow,) = outcome.document["flows"]
    return flow["delay_ms"]["p50"] * 1e3, flow["delay_ms"]["p99"] * 1e3


def _row(at: tuple[str, int], sample: _Samples, fewest: int, base: _Samples) -> dict[str, Any]:
    transport, hops = at
    row: dict[str, Any] = {
        "transport": transport,
        "hops": hops,
        "rtt_us": middle(sample.median),
        "rtt_p99_us": middle(sample.p99),
        "each_hop_us": None,
        "spread": {"rtt_us": spread(sample.median), "rtt_p99_us": spread(sample.p99)},
    }
    if hops > fewest:
        more = [
            (value - least) / 2 / (hops - fewest)
            for value, least in zip(sample.median, base.median, strict=True)
        ]
        row["each_hop_us"] = middle(more)
        row["spread"]["each_hop_us"] = spread(more)
    return row
