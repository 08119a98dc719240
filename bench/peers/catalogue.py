"""All peers, by what they are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.peers import haproxy, mininet, socat, splice_loop, veth, wireguard

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.peers.measurement import Throughput


@dataclass(frozen=True, slots=True)
class Peer:
    """What carries one flow: `throughput` through so many hops for so many seconds."""

    name: str
    version: Callable[[], str]
    throughput: Callable[[int, float], Throughput]
    hops: tuple[int, ...] | None = None
    """How many it has; None if it has as many as it is asked for."""


PEERS = (
    Peer("veth", veth.version, lambda _hops, seconds: veth.throughput(seconds), (0,)),
    Peer("mininet", mininet.version, mininet.throughput),
    Peer("wireguard-go", wireguard.version, wireguard.throughput),
    Peer("splice", splice_loop.version, splice_loop.throughput),
    Peer("haproxy", haproxy.version, haproxy.throughput),
    Peer("socat", socat.version, socat.throughput),
)
