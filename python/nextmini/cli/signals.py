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

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Notes the first signal and goes on; the second one raises KeyboardInterrupt."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self._note) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def check(self) -> None:
        """Raises KeyboardInterrupt if there was a signal: here nothing has begun yet."""
        if self.received:
            raise KeyboardInterrupt

    def _note(self, _number: int, _frame: object) -> None:
        self.check()
        self.received = True
