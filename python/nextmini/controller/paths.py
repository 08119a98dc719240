"""What the real paths between sites turn out to be like, from what processes report anyway. Pure.

Nothing is sent for it: round trips are those that connections measure for themselves, and how much a path
carries is known from what has passed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nextmini.protocol import LinkCounters


@dataclass(frozen=True, slots=True)
class Path:
    """One direction: its shortest round trip, and the most bits a second that passed in an interval."""

    rtt_us: int
    most_bps: int


class Paths:
    """Those of all links between sites, by link and sending node."""

    def __init__(self, interval: float) -> None:
        """`interval` is how often processes report, in seconds."""
        self._interval = interval
        self._last: dict[tuple[int, int], tuple[float, int]] = {}
        self.known: dict[tuple[int, int], Path] = {}

    def take(self, links: Iterable[LinkCounters], now: float) -> None:
        """Takes in counters as of `now`, in seconds."""
        for link in links:
            if link.rtt_us is None:
                continue
            key = (link.link, link.node)
            passed = self._passed(key, link.bytes, now)
            before = self.known.get(key, Path(link.rtt_us, 0))
            self.known[key] = Path(min(before.rtt_us, link.rtt_us), max(before.most_bps, passed))

    def _passed(self, key: tuple[int, int], bytes: int, now: float) -> int:
        """Bits a second since the report before this one.

        Whoever has nothing to report does not: after a silence, all of it has passed in the last interval.
        """
        since, counted = self._last.get(key, (now - self._interval, 0))
        self._last[key] = (now, bytes)
        seconds = now - since
        if not self._interval / 2 <= seconds < 2 * self._interval:
            seconds = self._interval
        return max(0, round((bytes - counted) * 8 / seconds))
