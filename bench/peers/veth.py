"""Two network namespaces of the kernel with a veth pair between them: what programs can get at most."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from bench.peers.enclosure import enclosed
from bench.peers.measurement import require_peer
from bench.peers.through_iperf import through_iperf

if TYPE_CHECKING:
    from bench.peers.measurement import Throughput


def throughput(seconds: float) -> Throughput:
    """One flow of iperf3. Raises PeerMissingError, PrerequisiteError unless this is root, RunError."""
    require_peer("ip", "iproute2")
    require_peer("iperf3", "iperf3")
    require_peer("ping", "iputils-ping")
    with enclosed("the veth pair", "veth_pair", ()) as pair:
        return through_iperf(pair, seconds)


def version() -> str:
    """Of the kernel, whose part it is."""
    return f"Linux {platform.release()}"
