"""Lines of nodes with flows from end to end, of which each hop between the ends is a node.

A chain of H hops is a line of H + 2 nodes: H of them relay between the flows' source and destination, over
H + 1 links. All nodes are in one dataplane process, and everything that belongs to a run is there: database,
controller, metrics.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nextmini.bench.running import EXPERIMENT
from nextmini.hosts.local import PROGRAM
from nextmini.scenario import Scenario, loads

if TYPE_CHECKING:
    from nextmini.bench.running import Bench

Transport = Literal["tcp", "memory", "quic", "tls"]
Mode = Literal["normal", "max"]
Kind = Literal["lossless", "tcp"]
Congestion = Literal["none", "reno", "cubic"]
Batching = Literal["on", "off"]
Mapping = Literal["sequential", "concurrent"]


@dataclass(frozen=True, slots=True)
class Carried:
    """What a chain has carried: Gbit/s end to end, CPU seconds a GB, and how much was sent again."""

    gbps: float
    cpu: float
    """Of the dataplane process, its start included."""
    retransmitted: int
    """Pieces of all flows; of TCP flows, segments."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A line with `hops` nodes between the ends of all flows, which last for `seconds`.

    Without `batching`, lossless flows and links move one packet at a time.
    Only lossless flows have a `mode`, and only TCP flows a `congestion` control. Packets have up to `mtu`
    bytes.
    """

    hops: int
    transport: Transport
    flows: int
    seconds: float
    mode: Mode = "normal"
    processors: int = 1
    kind: Kind = "lossless"
    mtu: int = 1_500
    congestion: Congestion = "cubic"
    mapping: Mapping = "sequential"
    batching: Batching = "on"

    @property
    def scenario(self) -> Scenario:
        """As a scenario."""
        flow = (
            f'[[flows]]\nsource = "n1"\ndestination = "n{self.hops + 2}"\n'
            f'kind = "{self.kind}"\n{self._own_key}duration = "{self.seconds!r} s"\n'
        )
        flows = "".join(f'{flow}name = "bulk-{number}"\n' for number in range(1, self.flows + 1))
        return loads(
            f'[experiment]\nname = "{EXPERIMENT}"\n'
            f'[network]\ntransport = "{self.transport}"\nmtu = {self.mtu}\n'
            f'processors = {self.processors}\nmapping = "{self.mapping}"\n'
            f'[topology]\nkind = "line"\nnodes = {self.hops + 2}\n{flows}',
            file="bench.toml",
        )

    @property
    def _own_key(self) -> str:
        """What only flows of this kind are asked."""
        if self.kind == "tcp":
            return f'congestion = "{self.congestion}"\n'
        return f'mode = "{self.mode}"\n'

    async def measured(self, bench: Bench) -> tuple[float, float]:
        """Gbit/s end to end, and CPU seconds a GB of the dataplane process. Raises as `Bench.run`."""
        carried = await self.carried(bench)
        return carried.gbps, carried.cpu

    async def carried(self, bench: Bench) -> Carried:
        """What it carries in one run. Raises as `Bench.run`."""
        before = _cpu_of_children()
        program = (*PROGRAM, "--batching", self.batching)
        outcome = await bench.run(self.scenario, f"a chain of {self.hops}", program=program)
        cpu = _cpu_of_children() - before
        flows = outcome.document["flows"]
        delivered = sum(flow["bytes"] for flow in flows)
        took = max(flow["seconds"] for flow in flows)
        again = sum(flow["retransmitted"] for flow in flows)
        return Carried(delivered * 8 / took / 1e9, cpu / (delivered / 1e9), again)


def _cpu_of_children() -> float:
    """CPU seconds of children that have ended: between two looks, those of one dataplane process."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
