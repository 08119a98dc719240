"""When a program that ends by itself is given up, instead of being started again.

One rule for all that are started again: the database server, dataplane processes, algorithms, and a
controller by itself.
"""

from __future__ import annotations

from collections import deque

MOST = 5
PERIOD_SECONDS = 60.0
"""What has died so often within so long will do so again."""
WORDS = f"{MOST} times within {PERIOD_SECONDS:.0f} seconds"
"""The rule, for messages."""


class Deaths:
    """Those of one program."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque()

    @property
    def recent(self) -> int:
        """How many there were within the period before the last one, with that."""
        return len(self._recent)

    def died(self, now: float) -> bool:
        """It ended by itself at `now` (in s); returns whether it is to be started again."""
        while self._recent and self._recent[0] <= now - PERIOD_SECONDS:
            self._recent.popleft()
        self._recent.append(now)
        return len(self._recent) < MOST
