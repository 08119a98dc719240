"""A flow of iperf3 inside an enclosure, and the CPU time that everything in there had meanwhile."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.peers.effort import cpu_seconds
from bench.peers.measurement import Throughput
from nextmini.bench.iperf import received

if TYPE_CHECKING:
    from bench.peers.enclosure import Enclosure


def through_iperf(enclosure: Enclosure, seconds: float) -> Throughput:
    """What one flow carries in `seconds`, of which iperf3 knows whole ones: it is the next one up.

    Raises RunError.
    """
    before = cpu_seconds(enclosure.process)
    got = received(enclosure.ask(f"iperf {math.ceil(seconds)}")["report"])
    return Throughput(got.gbps, (cpu_seconds(enclosure.process) - before) / got.gigabytes)
