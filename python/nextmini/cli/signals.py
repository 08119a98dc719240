"""What SIGINT and SIGTERM do to a command outside of the part that can be stopped in order."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130
"""The exit code of a command that was interrupted."""


class Signals:
    """The signals that came while nobody else took them."""

    def __init__(self) -> None:
        self.received = False
        self._settled = False

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Notes the first signal and goes on; the second one raises KeyboardInterrupt.

        Afterwards all is as it was, or, if the matter is settled, signals are ignored.
        """
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self._note) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, signal.SIG_IGN if self._settled else handler)

    def settle(self) -> None:
        """From now on no signal changes how the command ends: what it was to do is done."""
        self._settled = True

    def check(self) -> None:
        """Raises KeyboardInterrupt if there was a signal: here nothing has begun yet."""
        if self.received:
            raise KeyboardInterrupt

    def _note(self, _number: int, _frame: object) -> None:
        if self._settled:
            return
        self.check()
        self.received = True
