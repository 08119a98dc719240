"""What super-packets, batches and the kernel's splicing bring: Figure 6 of the Nextmini paper."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.figures.batching import batching_cases
from bench.figures.cases import Case, in_turn
from bench.figures.command import Figure, Measured, main
from bench.figures.document import Look, Origin, Panel
from bench.figures.ours import (
    BARE_SPLICE,
    BARE_TUNS,
    CPU,
    RATIO,
    THROUGHPUT,
    max_alone,
    max_pair,
    pair,
    tun_pair,
)
from bench.figures.peers import carrying, versions
from bench.peers import mininet, splice_loop
from nextmini.bench import max_mode, tun
from nextmini.bench.running import prepared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures.cases import Tell
    from bench.figures.effort import Effort
    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt

MININET, SPLICE_LOOP = "Mininet", "splice loop"
OVER_TCP, IN_MEMORY = "max mode, TCP links", "max mode, links in memory"
TUN_HOPS = 1


async def measure(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    """See `bench.figures.command.Figure`."""
    tun.require()
    async with prepared(interrupt) as bench:
        cases = [*_tuns(effort, bench), *batching_cases(effort, bench), *_max(effort, bench)]
        rows = await in_turn(cases, effort.repeat, tell)
    return Measured(rows, versions({MININET: mininet, SPLICE_LOOP: splice_loop}.items()))


def _tuns(effort: Effort, bench: Bench) -> Iterator[Case]:
    settings: tuple[tuple[tun.Offload, int], ...] = (("off", 1), ("off", 4), ("on", 1), ("on", 4))
    for flows in effort.choose((1, 8), (8,)):
        for offload, queues in settings:
            yield _tun(effort, bench, flows, offload, queues)


def _tun(effort: Effort, bench: Bench, flows: int, offload: tun.Offload, queues: int) -> Case:
    plan = tun.Plan((TUN_HOPS,), (flows,), offload=offload, queues=queues, seconds=effort.iperf_seconds)
    name = f"TUN, {flows} flow{'s' if flows > 1 else ''}"
    bare = f"{BARE_TUNS}, {flows} flow{'s' if flows > 1 else ''}"
    place = f"super-packets {offload}, {queues} queue{'s' if queues > 1 else ''}"

    async def once() -> dict[str, dict[str, float]]:
        found = await tun_pair(bench, plan, name)
        return {name: dict(found[name]), bare: dict(found[BARE_TUNS])}

    return Case("tun", place, pair(name, bare), once)


def _max(effort: Effort, bench: Bench) -> Iterator[Case]:
    for hops in effort.choose((1, 2, 4, 10, 30), (1, 30)):
        yield _max_pair(effort, bench, hops)
        yield _max_alone(effort, bench, hops)
        yield carrying(splice_loop, SPLICE_LOOP, "max", hops, effort.seconds, bench.interrupt)
        yield carrying(mininet, MININET, "max", hops, effort.iperf_seconds, bench.interrupt)


def _max_pair(effort: Effort, bench: Bench, hops: int) -> Case:
    plan = max_mode.Plan(seconds=effort.seconds)
    return Case("max", hops, pair(OVER_TCP, BARE_SPLICE), lambda: max_pair(bench, plan, hops, OVER_TCP))


def _max_alone(effort: Effort, bench: Bench, hops: int) -> Case:
    plan = max_mode.Plan(transport="memory", seconds=effort.seconds)
    return Case("max", hops, {IN_MEMORY: Origin.OURS}, lambda: max_alone(bench, plan, hops, IN_MEMORY))


FIGURE = Figure(
    name="fig06",
    module="fig06_highlights",
    title="Highlights: super-packets and queues of TUN devices, batches, and the kernel's splicing",
    panels=(
        Panel(
            "tun",
            "(a) TUN devices, one hop in memory",
            "setting",
            THROUGHPUT,
            "Gbit/s",
            Look.BARS,
            columns=(RATIO, CPU),
        ),
        Panel(
            "batching",
            "(b) Batches",
            "hops",
            THROUGHPUT,
            "Gbit/s",
            y_scale="log",
            columns=(RATIO, CPU),
        ),
        Panel("max", "(c) Max mode", "hops", THROUGHPUT, "Gbit/s", y_scale="log", columns=(RATIO, CPU)),
    ),
    measure=measure,
    notes=(
        (
            "(a) With several queues several cores may read and write a device; super-packets are TCP"
            " segmentation offload, packets of up to 64 KiB."
        ),
        (
            "(b) smoltcp flows have packets of 1,500 bytes, lossless flows pieces of up to 64 KiB. Packet by "
            "packet, each is looked up, queued and written alone; what a connection has is still read "
            "together, and what a flow's TCP has to send is made together."
        ),
        ("(c) A ratio is to the bare splicing chain of as many relays. Mininet's hops are switches."),
    ),
)

if __name__ == "__main__":
    sys.exit(main(FIGURE))
