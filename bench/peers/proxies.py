"""Chains of TCP proxies on loopback: one process each, between ends that are the same for all."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.peers.effort import cpu_seconds
from bench.peers.ends import ends
from bench.peers.measurement import PeerLimitError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from bench.peers.measurement import Throughput

MOST_HOPS = 250


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that listens at a port of 127.0.0.1: the number of its process."""

    process: int
    port: int


def through_proxies(
    name: str, start: Callable[[int], AbstractContextManager[Proxy]], hops: int, seconds: float
) -> Throughput:
    """What one connection carries through `hops` proxies in a row, of which `start` starts one.

    It is told the port where the proxy is to connect to. Raises PeerLimitError, RunError.
    """
    if not 1 <= hops <= MOST_HOPS:
        raise PeerLimitError(f"{name}: {hops} proxies in a row; it is measured with 1 to {MOST_HOPS}")
    with ends(seconds) as both, ExitStack() as stack:
        port, processes = both.port, []
        for _ in range(hops):
            proxy = stack.enter_context(start(port))
            port = proxy.port
            processes.append(proxy.process)
        before = sum(map(cpu_seconds, processes))
        carried = both.through(port, seconds)
        # One that has ended with its connection has not been waited for, so its time is still to be seen.
        return carried.throughput(sum(map(cpu_seconds, processes)) - before)
