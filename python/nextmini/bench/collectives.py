"""How long collective operations take at the least, by the links that they go over."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TCP_HEADERS = 52
"""Bytes of IPv4 and TCP in a packet that has data: TCP's timestamps are on in every namespace."""


@dataclass(frozen=True, slots=True)
class Hop:
    """The direction of a link: bit/s, and seconds on the wire."""

    rate: float
    delay: float


def wire_bytes(payload: int, mtu: int, headers: int = TCP_HEADERS) -> int:
    """Bytes that a link carries for so many of a TCP connection: all packets but the last one are full."""
    return payload + ceil(payload / (mtu - headers)) * headers


def ring_seconds(size: int, hops: Sequence[Hop], mtu: int, rounds: int = 1) -> float:
    """All-reduces of `size` bytes over a ring, from when all are ready until all have the last result.

    In each of 2 (N - 1) steps every node sends a piece, an Nth of all bytes, to the next one: over the hop of
    its number. It begins when it has the whole piece that it is to pass on, and has sent the one before.
    """
    nodes = len(hops)
    bits = wire_bytes(size // nodes, mtu) * 8
    left, arrived = [0.0] * nodes, [0.0] * nodes
    for _ in range(2 * (nodes - 1) * rounds):
        left = [max(left[at], arrived[at - 1]) + bits / hop.rate for at, hop in enumerate(hops)]
        arrived = [sent + hop.delay for sent, hop in zip(left, hops, strict=True)]
    return max(arrived)
