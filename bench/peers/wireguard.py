"""WireGuard in user space, by wireguard-go: programs' packets read from a TUN device, encrypted, and sent.

As `nextmini bench tun`, it takes packets out of the kernel and gives them back; beyond that it encrypts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.peers.enclosure import enclosed
from bench.peers.measurement import PeerLimitError, require_peer
from bench.peers.programs import first_line
from bench.peers.through_iperf import through_iperf

if TYPE_CHECKING:
    from bench.peers.measurement import Throughput

MOST_HOPS = 60
"""A packet may be forwarded 64 times."""


def throughput(hops: int, seconds: float) -> Throughput:
    """One flow of iperf3 through `hops` tunnels in a row, decrypted, forwarded and encrypted between them.

    Raises PeerMissingError, PeerLimitError, PrerequisiteError unless this is root, RunError.
    """
    if not 1 <= hops <= MOST_HOPS:
        raise PeerLimitError(
            f"wireguard-go: {hops} tunnels in a row; it is measured with 1 to {MOST_HOPS}, since packets "
            "have a time to live of 64"
        )
    _require()
    with enclosed("wireguard-go", "wireguard_line", (str(hops),)) as line:
        return through_iperf(line, seconds)


def version() -> str:
    """Of wireguard-go. Raises PeerMissingError."""
    _require()
    return first_line("wireguard-go", "--version")


def _require() -> None:
    require_peer("wireguard-go", "wireguard-go")
    require_peer("wg", "wireguard-tools")
    require_peer("ip", "iproute2")
    require_peer("iperf3", "iperf3")
    require_peer("ping", "iputils-ping")
