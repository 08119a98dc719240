"""What a program writes, on its way into a log file."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_AT_ONCE = 2**20
"""Bytes: more than a pipe holds."""


class Output:
    """A pipe into `log`, which is searched for a text meanwhile. Made inside the event loop that reads it."""

    def __init__(self, log: Path, awaited: str) -> None:
        """Raises OSError if the file cannot be made."""
        self.heard = asyncio.Event()
        """Whether a line contained the text."""
        self.flaw: str | None = None
        """Why the log is not complete."""
        self._awaited = awaited.encode()
        self._end = b""
        self._file = log.open("wb", buffering=0)
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        asyncio.get_running_loop().add_reader(self._reader, self.read)
        self._open = True

    @property
    def writer(self) -> int:
        """The program's end of the pipe, until `given`."""
        return self._writer

    def given(self) -> None:
        """The program has its end, or there is none: when that is closed, the output has ended."""
        os.close(self._writer)

    def read(self) -> None:
        """Takes what has been written so far, all of it."""
        if not self._open:
            return
        try:
            data = os.read(self._reader, _AT_ONCE)
        except BlockingIOError:
            return
        if not data:
            self.close()
            return
        self._search(data)
        try:
            self._file.write(data)
        except OSError as error:  # a program must not stand still because the disk is full
            self.flaw = self.flaw or error.strerror or str(error)

    def close(self) -> None:
        """Reads no more. Closing twice does nothing."""
        if self._open:
            self._open = False
            asyncio.get_running_loop().remove_reader(self._reader)
            os.close(self._reader)
            self._file.close()

    def _search(self, data: bytes) -> None:
        """Text without a line's end is in a line if it is there at all."""
        if self.heard.is_set():
            return
        text = self._end + data
        if self._awaited in text:
            self.heard.set()
        self._end = text[len(text) - min(len(text), len(self._awaited) - 1) :]
