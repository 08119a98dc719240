"""Mininet: hosts that are network namespaces of the kernel, with veth pairs and Linux bridges between them.

It is Debian's, with the Python that comes with it. Its switches are Linux bridges instead of Open vSwitch,
and it does not raise limits of the machine, which would stay raised. Links have no delay, rate or loss:
Mininet has these from tc-netem(8), which not every kernel has.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers.effort import memory_kib
from bench.peers.enclosure import DEBIANS_PYTHON, Enclosure, enclosed
from bench.peers.measurement import PeerLimitError, Scale, Throughput, require_peer
from bench.peers.programs import first_line
from bench.peers.through_iperf import through_iperf
from nextmini.bench.memory import settled
from nextmini.bench.processes import kernel_kib

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_HOPS = 250
FEWEST_NODES = 2
_TERMINALS = Path("/proc/sys/kernel/pty/max")


def throughput(hops: int, seconds: float) -> Throughput:
    """One flow of iperf3 between two hosts with `hops` bridges in a row between them.

    Raises PeerMissingError, PeerLimitError, PrerequisiteError unless this is root, RunError.
    """
    if not 1 <= hops <= MOST_HOPS:
        raise PeerLimitError(f"Mininet: {hops} bridges in a row; it is measured with 1 to {MOST_HOPS}")
    with _network("bridges", hops) as network:
        network.ask("ping")
        return through_iperf(network, seconds)


def scale(nodes: int) -> Scale:
    """A line of `nodes` hosts, each linked to the next: no bridges, as few processes as Mininet has.

    The kernel's memory is everybody's: the figure is good where nothing else begins or ends meanwhile. Raises
    as `throughput`. Not for a thread that runs an event loop.
    """
    # Each host has a shell at a terminal.
    most = int(_TERMINALS.read_text(encoding="ascii"))
    if not FEWEST_NODES <= nodes < most:
        raise PeerLimitError(f"Mininet: {nodes} hosts; on this machine it has {FEWEST_NODES} to {most - 1}")
    asyncio.run(settled())
    kernel, began = kernel_kib(), time.monotonic()
    with _network("hosts", nodes) as network:
        network.ask("ping")
        started = time.monotonic()
        memory = kernel_kib() - kernel + memory_kib(network.process)
        stopping = time.monotonic()
        network.ask("stop")
        return Scale(started - began, time.monotonic() - stopping, memory / 1024)


def version() -> str:
    """Of Mininet. Raises PeerMissingError."""
    _require()
    return f"Mininet {first_line('mn', '--version')}"


@contextmanager
def _network(kind: str, number: int) -> Iterator[Enclosure]:
    _require()
    with enclosed("Mininet", "mininet_line", (kind, str(number)), DEBIANS_PYTHON) as network:
        yield network


def _require() -> None:
    require_peer("mn", "mininet")
    require_peer("brctl", "bridge-utils")
    require_peer("iperf3", "iperf3")
    require_peer("ping", "iputils-ping")
