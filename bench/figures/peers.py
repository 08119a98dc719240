"""Peers' values, in the words of figures."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from bench.figures.cases import Case
from bench.figures.document import Origin
from bench.figures.ours import CPU, THROUGHPUT
from bench.peers.measurement import PeerMissingError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.figures.cases import Found
    from bench.peers.measurement import Throughput
    from nextmini.experiment import Interrupt


class Versioned(Protocol):
    """A module of `bench.peers`."""

    def version(self) -> str:
        """Of the peer. Raises PeerMissingError."""


class Chained(Versioned, Protocol):
    """One that carries over hops."""

    def throughput(self, hops: int, seconds: float) -> Throughput:
        """Over so many hops. Raises PeerMissingError."""


class Direct(Versioned, Protocol):
    """One that joins two ends."""

    def throughput(self, seconds: float) -> Throughput:
        """Between them. Raises PeerMissingError."""


def carrying(peer: Chained, name: str, panel: str, hops: int, seconds: float, interrupt: Interrupt) -> Case:
    """The case of a peer's throughput over hops."""

    async def measure() -> Found:
        got = await interrupt.guard(asyncio.to_thread(peer.throughput, hops, seconds))
        return {name: _values(got)}

    return Case(panel, hops, {name: Origin.PEER}, measure)


def direct(peer: Direct, name: str, panel: str, hops: int, seconds: float, interrupt: Interrupt) -> Case:
    """The case of a peer that has no hops, which stands at so many."""

    async def measure() -> Found:
        return {name: _values(await interrupt.guard(asyncio.to_thread(peer.throughput, seconds)))}

    return Case(panel, hops, {name: Origin.PEER}, measure)


def _values(got: Throughput) -> dict[str, float]:
    values = {THROUGHPUT: got.gbps}
    if got.cpu_seconds_per_gb is not None:
        values[CPU] = got.cpu_seconds_per_gb
    return values


def versions(peers: Iterable[tuple[str, Versioned]]) -> dict[str, str]:
    """Of each peer by its name; of one that is missing, what is missing."""
    found = {}
    for name, peer in peers:
        try:
            found[name] = peer.version()
        except PeerMissingError as error:
            found[name] = error.message
    return found
