"""Packets of several processes in the order in which they were seen."""

from __future__ import annotations

import heapq

from nextmini.protocol.capture import place_of

WINDOW_NS = 500_000_000
"""How much later than another one a packet may come that was seen before it, on a busy machine."""
MOST_BYTES = 32 * 2**20
"""What may wait for that; beyond, packets go on in the order in which they are."""


class Merger:
    """Packets that wait until nobody can bring an earlier one any more."""

    def __init__(self, window_ns: int = WINDOW_NS, most_bytes: int = MOST_BYTES) -> None:
        self._window = window_ns
        self._most = most_bytes
        self._heap: list[tuple[int, int, bytes]] = []
        self._number = 0
        self._bytes = 0

    def add(self, packet: bytes) -> None:
        """Takes the block of a packet."""
        self._number += 1  # of those that were seen at the same moment the first one goes first
        heapq.heappush(self._heap, (place_of(packet)[0], self._number, packet))
        self._bytes += len(packet)

    @property
    def is_full(self) -> bool:
        """Whether some are to go on whatever may come."""
        return self._bytes > self._most

    def due_ns(self) -> int | None:
        """When the first of them may go on."""
        return self._heap[0][0] + self._window if self._heap else None

    def take(self, now_ns: int) -> list[bytes]:
        """Those that may go on."""
        before, taken = now_ns - self._window, []
        while self._heap and (self._heap[0][0] <= before or self.is_full):
            taken.append(self._pop())
        return taken

    def take_all(self) -> list[bytes]:
        """All that wait: nobody brings any more."""
        return [self._pop() for _ in range(len(self._heap))]

    def _pop(self) -> bytes:
        packet = heapq.heappop(self._heap)[2]
        self._bytes -= len(packet)
        return packet
