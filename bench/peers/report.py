"""What each peer makes of the same questions, and why where it makes nothing of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.peers import mininet
from nextmini.bench.machine import machine
from nextmini.errors import NextminiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.peers.catalogue import Peer
    from bench.peers.measurement import Scale, Throughput


@dataclass(frozen=True, slots=True)
class Row:
    """A peer, what it was asked, and what was measured, or the reason why nothing was."""

    peer: str
    version: str | None
    hops: int | None
    nodes: int | None
    measured: Throughput | Scale | None
    reason: str | None


def throughputs(peers: Sequence[Peer], hops: Sequence[int], seconds: float) -> Iterator[Row]:
    """A row for each peer and each number of hops, as soon as it is there."""
    for peer in peers:
        for number in peer.hops or hops:
            version, measured, reason = _tried(peer.version, partial(peer.throughput, number, seconds))
            yield Row(peer.name, version, number, None, measured, reason)


def scales(nodes: Sequence[int]) -> Iterator[Row]:
    """A row for each number of nodes of Mininet."""
    for number in nodes:
        version, measured, reason = _tried(mininet.version, partial(mininet.scale, number))
        yield Row("mininet", version, None, number, measured, reason)


def document(rows: Sequence[Row], seconds: float) -> dict[str, Any]:
    """For JSON, with the facts of the machine."""
    return {"machine": machine(), "seconds": seconds, "rows": [asdict(row) for row in rows]}


def line(row: Row) -> str:
    """For a terminal."""
    what = f"{row.hops} hops" if row.nodes is None else f"{row.nodes} nodes"
    if row.measured is None:
        said = row.reason or ""
    else:
        figures = asdict(row.measured).items()
        said = "  ".join(f"{name} {value:.3g}" for name, value in figures if value is not None)
    return f"{row.peer:<14}{what:<11}{said}"


def _tried(
    version: Callable[[], str], measure: Callable[[], Throughput | Scale]
) -> tuple[str | None, Throughput | Scale | None, str | None]:
    try:
        found = version()
    except NextminiError as error:
        return None, None, str(error)
    try:
        return found, measure(), None
    except NextminiError as error:
        return found, None, str(error)
