"""Threads that have the kernel splice from one TCP connection to the next: what max mode is to be as fast as.

It is the bare chain of `nextmini bench max`: all threads and both ends are in one process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.peers.ends import splice_relays
from bench.peers.measurement import PeerLimitError
from bench.peers.proxies import MOST_HOPS
from nextmini.bench.machine import machine

if TYPE_CHECKING:
    from bench.peers.measurement import Throughput


def throughput(hops: int, seconds: float) -> Throughput:
    """One connection through `hops` threads; 0 are a direct connection. Raises PeerLimitError, RunError."""
    if not 0 <= hops <= MOST_HOPS:
        raise PeerLimitError(f"the splicing chain: {hops} threads in a row; there can be 0 to {MOST_HOPS}")
    return splice_relays(hops, seconds).throughput()


def version() -> str:
    """Of Nextmini, whose code it is, and of the kernel, which does the work."""
    facts = machine()
    return f"Nextmini {facts['nextmini']}, Linux {facts['kernel']}"
