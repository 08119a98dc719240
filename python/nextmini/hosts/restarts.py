"""How long after its death a program is started again."""

from __future__ import annotations

from nextmini.deaths import Deaths

FIRST_PAUSE_SECONDS = 0.1
"""After the first death within a minute; twice that after the second, and so on."""


class Restarts:
    """The restarts of some programs, by number."""

    def __init__(self) -> None:
        self.count: dict[int, int] = {}
        """How often each was started again."""
        self._deaths: dict[int, Deaths] = {}

    def pause(self, program: int, now: float) -> float | None:
        """A program ended by itself at `now` (in s): how long to wait before it is started again.

        None if it is to be given up.
        """
        deaths = self._deaths.setdefault(program, Deaths())
        if not deaths.died(now):
            return None
        self.count[program] = self.count.get(program, 0) + 1
        return FIRST_PAUSE_SECONDS * 2.0 ** (deaths.recent - 1)
