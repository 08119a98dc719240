"""When a program that ended by itself is started again, and when it is given up."""

from __future__ import annotations

from collections import deque

MOST = 5
"""Restarts of one program within PERIOD_SECONDS; what ends more often will do so again."""
PERIOD_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.1
"""Before the first restart within a period; twice that before the second, and so on."""


class Restarts:
    """The restarts of some programs, by name."""

    def __init__(self) -> None:
        self.count: dict[int, int] = {}
        """How often each was started again."""
        self._recent: dict[int, deque[float]] = {}

    def pause(self, program: int, now: float) -> float | None:
        """A program ended by itself at `now` (in s): how long to wait before it is started again.

        None if it is to be given up.
        """
        recent = self._recent.setdefault(program, deque())
        while recent and recent[0] <= now - PERIOD_SECONDS:
            recent.popleft()
        if len(recent) == MOST:
            return None
        recent.append(now)
        self.count[program] = self.count.get(program, 0) + 1
        return FIRST_PAUSE_SECONDS * 2.0 ** (len(recent) - 1)
