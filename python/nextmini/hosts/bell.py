"""A bell: one thread rings, another one waits for that, beside other files if it wants to."""

from __future__ import annotations

import os
import select
from contextlib import suppress


class Bell:
    """Once rung, it rings until it is hushed."""

    def __init__(self) -> None:
        self._file = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)

    def fileno(self) -> int:
        """Readable while it rings."""
        return self._file

    def ring(self) -> None:
        with suppress(BlockingIOError):  # it could not ring louder
            os.eventfd_write(self._file, 1)

    def hush(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self._file)

    def wait(self, seconds: float | None = None) -> None:
        """Returns while it rings, and after so many seconds."""
        self._poll.poll(None if seconds is None else seconds * 1000)

    def close(self) -> None:
        os.close(self._file)
