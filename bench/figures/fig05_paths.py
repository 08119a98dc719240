"""Throughput of user-space flows and of programs over TUN by hops: Figure 5 of the Nextmini paper.

Kinds of flows and peers are measured in turn, over links that are TCP connections, as the paper's are, and
over links in memory.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.figures.cases import Case, in_turn
from bench.figures.command import Figure, Measured, main
from bench.figures.document import Origin, Panel
from bench.figures.ours import (
    BARE_COPY,
    BARE_STACK,
    BARE_TUNS,
    CPU,
    RATIO,
    THROUGHPUT,
    lossless_alone,
    lossless_pair,
    pair,
    smoltcp_pair,
    tun_pair,
)
from bench.figures.peers import carrying, direct, versions
from bench.peers import haproxy, mininet, socat, veth, wireguard
from nextmini.bench import lossless, smoltcp, tun
from nextmini.bench.running import prepared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures.cases import Tell
    from bench.figures.effort import Effort
    from nextmini.bench.chains import Transport
    from nextmini.bench.running import Bench
    from nextmini.experiment import Interrupt

LOSSLESS, SMOLTCP, TUN, MININET = "lossless", "smoltcp", "TUN, iperf3", "Mininet"
OVER_TCP = {"socat": socat, "HAProxy": haproxy, "WireGuard": wireguard}
PEERS = {MININET: mininet, "veth pair": veth, **OVER_TCP}


async def measure(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    """See `bench.figures.command.Figure`."""
    tun.require()
    async with prepared(interrupt) as bench:
        cases = [*_over_tcp(effort, bench), *_in_memory(effort, bench)]
        rows = await in_turn(cases, effort.repeat, tell)
    return Measured(rows, versions(PEERS.items()))


def _over_tcp(effort: Effort, bench: Bench) -> Iterator[Case]:
    for hops in effort.choose((1, 2, 5, 10), (1, 10)):
        yield _lossless(effort, bench, hops)
        yield _smoltcp(effort, bench, hops, "tcp")
        yield _tun(effort, bench, hops, "tcp")
    for hops in effort.choose((1, 5), (1,)):
        for name, peer in OVER_TCP.items():
            yield carrying(peer, name, "tcp", hops, effort.seconds, bench.interrupt)


def _in_memory(effort: Effort, bench: Bench) -> Iterator[Case]:
    yield direct(veth, "veth pair", "memory", 1, effort.seconds, bench.interrupt)
    for hops in effort.choose((1, 5, 10, 20, 30), (1, 10, 30)):
        yield _lossless_alone(effort, bench, hops)
        yield _smoltcp(effort, bench, hops, "memory")
        yield _tun(effort, bench, hops, "memory")
        yield carrying(mininet, MININET, "memory", hops, effort.iperf_seconds, bench.interrupt)


def _lossless(effort: Effort, bench: Bench, hops: int) -> Case:
    plan = lossless.Plan(seconds=effort.seconds)
    return Case("tcp", hops, pair(LOSSLESS, BARE_COPY), lambda: lossless_pair(bench, plan, hops, LOSSLESS))


def _lossless_alone(effort: Effort, bench: Bench, hops: int) -> Case:
    plan = lossless.Plan(transport="memory", seconds=effort.seconds)
    return Case("memory", hops, {LOSSLESS: Origin.OURS}, lambda: lossless_alone(bench, plan, hops, LOSSLESS))


def _smoltcp(effort: Effort, bench: Bench, hops: int, transport: Transport) -> Case:
    plan = smoltcp.Plan(transport=transport, seconds=effort.seconds)
    return Case(transport, hops, pair(SMOLTCP, BARE_STACK), lambda: smoltcp_pair(bench, plan, hops, SMOLTCP))


def _tun(effort: Effort, bench: Bench, hops: int, transport: tun.Transport) -> Case:
    plan = tun.Plan(hops=(hops,), flows=(1,), transport=transport, seconds=effort.iperf_seconds)
    return Case(transport, hops, pair(TUN, BARE_TUNS), lambda: tun_pair(bench, plan, TUN))


FIGURE = Figure(
    name="fig05",
    module="fig05_paths",
    title="Throughput of user-space flows and of programs over TUN, by hops",
    panels=(
        Panel("tcp", "Links over TCP", "hops", THROUGHPUT, "Gbit/s", columns=(RATIO, CPU)),
        Panel("memory", "Links in memory", "hops", THROUGHPUT, "Gbit/s", y_scale="log", columns=(RATIO, CPU)),
    ),
    measure=measure,
    notes=(
        (
            "Hops of lossless and smoltcp flows, of relays and of Mininet (switches in a row) are "
            "what lies between the two ends; hops of TUN are links. One flow each."
        ),
        (
            "A ratio is to the baseline that was measured right after it: lossless flows to the bare "
            "copying chain, smoltcp to its two ends alone, TUN to the bare TUN relay."
        ),
        (
            "The bare TUN relay and smoltcp's two ends have no hops; they stand beside the value that"
            " was measured before."
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(main(FIGURE))
