"""Throughput of curl through a SOCKS 5 entrance, beside a bare chain of as many relays that splice.

The entrance is at one end of a line of nodes, and the web server at the other one; hops are counted as in
`nextmini.bench.chains`. Nodes have no network of their own: curl and the server are programs of this machine.
All nodes are in one dataplane process, and everything that belongs to an experiment is there.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nextmini.bench.bare_relays import bare_relays
from nextmini.bench.curl import PROGRAM, Way, first_byte, throughput
from nextmini.bench.figures import Samples, middle, quotients, spread
from nextmini.bench.network import in_force, unless
from nextmini.bench.plan import each_once, within
from nextmini.bench.prerequisites import require_program
from nextmini.bench.processes import cpu_seconds, dataplanes
from nextmini.bench.running import EXPERIMENT, prepared
from nextmini.bench.web_server import web_server
from nextmini.scenario import Scenario, loads, resolve

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from nextmini.bench.bare_relays import BareRelays
    from nextmini.bench.chains import Mode, Transport
    from nextmini.bench.running import Bench
    from nextmini.bench.web_server import WebServer
    from nextmini.experiment import Interrupt

MOST_HOPS = 250
MOST_FLOWS = 128


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: each number of `hops` with each number of `flows`, for `seconds`, `repeat` times.

    Raises PlanError if that makes no sense.
    """

    hops: tuple[int, ...] = (1, 2, 5, 10)
    flows: tuple[int, ...] = (1, 4)
    transport: Transport = "tcp"
    mode: Mode = "max"
    seconds: float = 2.0
    repeat: int = 5

    def __post_init__(self) -> None:
        for option, numbers, most in (("--hops", self.hops, MOST_HOPS), ("--flows", self.flows, MOST_FLOWS)):
            each_once(numbers, option, "1,4")
            for number in numbers:
                within(number, option, 1, most)
        within(self.seconds, "--seconds", 0.1, 3_600)
        within(self.repeat, "--repeat", 1, 1_000)


@dataclass(slots=True)
class _Direct:
    """Of curl with nothing in between, one value a repetition."""

    gbps: list[float] = field(default_factory=list)
    first_byte: list[float] = field(default_factory=list)


@dataclass(slots=True)
class CurlSamples(Samples):
    """The baseline is the splicing chain."""

    first_byte: list[float] = field(default_factory=list)


async def measure(plan: Plan, interrupt: Interrupt, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row for each number of hops and of flows; `tell` hears what is being measured.

    Raises PrerequisiteError without curl, RunError, Interrupted, and whatever keeps a run from beginning.
    """
    require_program(PROGRAM, "curl")
    samples = {(hops, flows): CurlSamples() for hops in plan.hops for flows in plan.flows}
    direct = {flows: _Direct() for flows in plan.flows}
    async with prepared(interrupt) as bench, web_server() as server:
        rig = Rig(plan, bench, server)
        for repetition in range(1, plan.repeat + 1):
            where = f"repetition {repetition} of {plan.repeat}"
            tell(f"{where}: a direct connection")
            await rig.direct(direct)
            for hops in plan.hops:
                tell(f"{where}: {hops} hop{'s' if hops > 1 else ''}")
                await rig.line(hops, {flows: samples[hops, flows] for flows in plan.flows})
    return [_row(plan, *key, sample, direct[key[1]]) for key, sample in samples.items()]


def line(plan: Plan, hops: int, port: int) -> Scenario:
    """The scenario: a line with `hops` nodes between its ends, and an entrance at `port` of its first one."""
    return loads(
        f'[experiment]\nname = "{EXPERIMENT}"\n[network]\ntransport = "{plan.transport}"\n'
        f'[topology]\nkind = "line"\nnodes = {hops + 2}\n'
        f'[[socks]]\nnode = "n1"\nlisten = "127.0.0.1:{port}"\nmode = "{plan.mode}"\n',
        file="bench.toml",
    )


@dataclass(frozen=True, slots=True)
class Rig:
    """Measures ours and the baselines in turn."""

    plan: Plan
    bench: Bench
    server: WebServer

    async def direct(self, samples: dict[int, _Direct]) -> None:
        """One value more for each number of flows."""
        way = Way("127.0.0.1", self.server.port)
        guard = self.bench.interrupt.guard
        for flows, sample in samples.items():
            sample.first_byte.append(await guard(first_byte(way)))
            gbps, _ = await guard(throughput(way, self.server, flows, self.plan.seconds))
            sample.gbps.append(gbps)

    async def line(self, hops: int, samples: dict[int, CurlSamples]) -> None:
        """One value more for each number of flows."""
        port = _free_port()
        scenario = line(self.plan, hops, port)
        async with (
            bare_relays(hops, self.server.port) as relays,
            in_force(self.bench, scenario, f"an entrance to a chain of {hops}") as lost,
        ):
            # What goes to a node's address, goes to programs of this machine from there.
            way = Way(resolve(scenario).nodes[-1].address, self.server.port, port)
            for flows, sample in samples.items():
                await self._ours(way, flows, sample, lost)
                await self._bare(relays, flows, sample)

    async def _ours(self, way: Way, flows: int, sample: CurlSamples, lost: asyncio.Future[None]) -> None:
        (process,) = dataplanes()
        guard = self.bench.interrupt.guard
        sample.first_byte.append(await guard(unless(lost, first_byte(way))))
        before = cpu_seconds(process)
        work = unless(lost, throughput(way, self.server, flows, self.plan.seconds))
        gbps, gigabytes = await guard(work)
        sample.gbps.append(gbps)
        sample.cpu.append((cpu_seconds(process) - before) / gigabytes)

    async def _bare(self, relays: BareRelays, flows: int, sample: CurlSamples) -> None:
        way = Way("127.0.0.1", relays.port)
        before = cpu_seconds(relays.process)
        work = throughput(way, self.server, flows, self.plan.seconds)
        gbps, gigabytes = await self.bench.interrupt.guard(work)
        sample.baseline.append(gbps)
        sample.baseline_cpu.append((cpu_seconds(relays.process) - before) / gigabytes)


def _free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        port: int = made.getsockname()[1]
        return port


def _row(plan: Plan, hops: int, flows: int, sample: CurlSamples, direct: _Direct) -> dict[str, Any]:
    measured = {
        "gbps": sample.gbps,
        "splice_gbps": sample.baseline,
        "ratio": sample.ratios(),
        "direct_gbps": direct.gbps,
        "direct_ratio": quotients(sample.gbps, direct.gbps),
        "first_byte_ms": sample.first_byte,
        "direct_first_byte_ms": direct.first_byte,
        "cpu_seconds_per_gb": sample.cpu,
        "splice_cpu_seconds_per_gb": sample.baseline_cpu,
    }
    asked = {"hops": hops, "transport": plan.transport, "mode": plan.mode, "flows": flows}
    figures = {name: middle(values) for name, values in measured.items()}
    return asked | figures | {"spread": {name: spread(values) for name, values in measured.items()}}
