"""What became of the packets of a udp flow: what its source sent, compared with what its sink received."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.protocol import Datagrams

if TYPE_CHECKING:
    from nextmini.protocol import FlowChange


@dataclass(frozen=True, slots=True)
class DatagramResult:
    """Packets, each counted once: those that arrived again are `duplicates`. Delays in milliseconds."""

    sent: int
    received: int
    duplicates: int
    reordered: int
    corrupted: int
    marked: int
    delay_p50_ms: float
    delay_p99_ms: float
    delay_max_ms: float
    jitter_ms: float

    @property
    def lost(self) -> int:
        """Sent, and not received so far."""
        return max(0, self.sent - self.received)

    @property
    def loss(self) -> float:
        """The share that was lost."""
        return self.lost / self.sent if self.sent else 0.0


def datagram_result(source: FlowChange | None, sink: FlowChange | None) -> DatagramResult:
    """What is known by what the two ends say."""
    sent = source.datagrams if source and source.datagrams else Datagrams()
    found = sink.datagrams if sink and sink.datagrams else Datagrams()
    return DatagramResult(
        # The sink may know more than the source has said yet.
        sent=max(sent.packets, found.packets),
        received=found.packets,
        duplicates=found.duplicates,
        reordered=found.reordered,
        corrupted=found.corrupted,
        marked=found.marked,
        delay_p50_ms=found.delay.p50_ns / 1e6,
        delay_p99_ms=found.delay.p99_ns / 1e6,
        delay_max_ms=found.delay.max_ns / 1e6,
        jitter_ms=found.jitter_ns / 1e6,
    )
