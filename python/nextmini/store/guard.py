"""What a server's user knows of its deaths: how often it was started again, whether it is gone for good."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from nextmini import deaths
from nextmini.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.errors import NextminiError

log = logging.getLogger(__name__)


class Guard:
    """One user's view of a server; somebody else's is not started again, but may be gone for good too."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.restarts = 0
        """How often it was started again, by whomever."""
        self.restarting = False
        """Whether that is being done now."""
        self.failure: NextminiError | None = None
        """Why it is gone for good."""
        self._now = now
        self._deaths = deaths.Deaths()

    def died(self, last_words: list[str]) -> bool:
        """It has died, or could not be started; returns whether it is to be started again."""
        if self._deaths.died(self._now()):
            self.restarting = True
            return True
        self.gone(
            DatabaseError(
                f"the embedded PostgreSQL server has died {deaths.WORDS};"
                " its last words:\n  " + "\n  ".join(last_words[-20:]) + "\n",
                "find out what ends it: another program, or the kernel when memory is short",
            )
        )
        return False

    def failed(self, error: NextminiError) -> None:
        """It could not be started this time."""
        log.warning("the database server was not started again: %s", error)

    def restarted(self) -> None:
        """It answers again."""
        self.restarting = False
        self.restarts += 1
        log.warning("the database server died and was started again; everything is read anew")

    def gone(self, failure: NextminiError) -> None:
        """It will not be started again."""
        self.restarting = False
        self.failure = failure
        log.error("the database server is gone for good: %s", failure)
