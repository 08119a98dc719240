"""What is measured of ours, and the baselines beside it: one value of each, by `nextmini.bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.figures.document import Origin
from nextmini.bench import lossless, max_mode, smoltcp, socks5, tun
from nextmini.bench.bare_tuns import bare_tuns
from nextmini.bench.figures import Samples

if TYPE_CHECKING:
    from bench.figures.cases import Found
    from nextmini.bench.running import Bench
    from nextmini.bench.web_server import WebServer

BARE_COPY = "bare copying chain"
BARE_SPLICE = "bare splicing chain"
BARE_STACK = "smoltcp's two ends alone"
BARE_TUNS = "bare TUN relay"
THROUGHPUT = "gbps"
RATIO = "ratio"
CPU = "cpu_seconds_per_gb"


def pair(ours: str, baseline: str) -> dict[str, Origin]:
    """The series of a measurement with its baseline."""
    return {ours: Origin.OURS, baseline: Origin.BASELINE}


async def lossless_pair(bench: Bench, plan: lossless.Plan, hops: int, name: str) -> Found:
    """Lossless flows, and the bare copying chain. Raises as `Bench.run`."""
    sample = Samples()
    await lossless.once(bench, plan, hops, sample)
    return _found(sample, name, BARE_COPY)


async def lossless_alone(bench: Bench, plan: lossless.Plan, hops: int, name: str) -> Found:
    """Lossless flows where no bare chain bounds them. Raises as `Bench.run`."""
    gbps, cpu = await lossless.chain(plan, hops).measured(bench)
    return {name: {THROUGHPUT: gbps, CPU: cpu}}


async def smoltcp_pair(bench: Bench, plan: smoltcp.Plan, hops: int, name: str) -> Found:
    """TCP flows, and their two ends alone. Raises as `Bench.run`."""
    sample = smoltcp.TcpSamples()
    await smoltcp.once(bench, plan, hops, sample)
    return _found(sample, name, BARE_STACK)


async def smoltcp_alone(bench: Bench, plan: smoltcp.Plan, hops: int, name: str) -> Found:
    """TCP flows. Raises as `Bench.run`."""
    gbps, cpu = await smoltcp.chain(plan, hops).measured(bench)
    return {name: {THROUGHPUT: gbps, CPU: cpu}}


async def max_pair(bench: Bench, plan: max_mode.Plan, hops: int, name: str) -> Found:
    """Flows in max mode, and the bare splicing chain. Raises as `Bench.run`."""
    sample = Samples()
    await max_mode.once(bench, plan, hops, sample)
    return _found(sample, name, BARE_SPLICE)


async def max_alone(bench: Bench, plan: max_mode.Plan, hops: int, name: str) -> Found:
    """Flows in max mode where no bare chain bounds them. Raises as `Bench.run`."""
    gbps, cpu = await max_mode.chain(plan, hops).measured(bench)
    return {name: {THROUGHPUT: gbps, CPU: cpu}}


async def tun_pair(bench: Bench, plan: tun.Plan, name: str) -> Found:
    """iperf3 over TUN devices, and over the bare relay; of the plan's only number of hops and of flows.

    Raises as `nextmini.bench.tun.measure`.
    """
    (hops,), (flows,) = plan.hops, plan.flows
    sample = Samples()
    async with bare_tuns(plan.offload) as relay:
        await tun.Both(plan, bench, relay).line(hops, {flows: sample})
    found = _found(sample, name, BARE_TUNS)
    return {**found, BARE_TUNS: {**found[BARE_TUNS], CPU: sample.baseline_cpu[0]}}


async def socks_pair(bench: Bench, server: WebServer, plan: socks5.Plan, hops: int, name: str) -> Found:
    """curl through an entrance, and through the bare splicing chain. Raises as `Bench.run`."""
    (flows,) = plan.flows
    sample = socks5.CurlSamples()
    await socks5.Rig(plan, bench, server).line(hops, {flows: sample})
    found = _found(sample, name, BARE_SPLICE)
    return {**found, BARE_SPLICE: {**found[BARE_SPLICE], CPU: sample.baseline_cpu[0]}}


def _found(sample: Samples, ours: str, baseline: str) -> Found:
    return {
        ours: {THROUGHPUT: sample.gbps[0], RATIO: sample.ratios()[0], CPU: sample.cpu[0]},
        baseline: {THROUGHPUT: sample.baseline[0]},
    }
