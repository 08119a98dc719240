"""Where a capture is written to: a file, a named pipe, or standard output."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nextmini.errors import RunError
from nextmini.live.choice import LiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

STANDARD_OUTPUT = "-"


class ReaderGone(Exception):  # noqa: N818 - an end, not an error
    """Whoever read from the pipe has had enough."""


class Output:
    """An open file; what is in it is whole after each `write`."""

    def __init__(self, name: str, descriptor: int) -> None:
        self._name = name
        self._descriptor = descriptor
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._bytes = 0

    async def write(self, data: bytes) -> None:
        """Writes all of it, waiting while a pipe is full.

        Raises ReaderGone, and RunError if the file cannot be written any more: it then ends where this call
        began.
        """
        rest = memoryview(data)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:
                    await self._writable()
        except BrokenPipeError:
            raise ReaderGone from None
        except OSError as error:
            if self._is_file:
                os.ftruncate(self._descriptor, self._bytes)
            raise RunError(
                f"{self._name} cannot be written: {error.strerror}",
                "the packets until then are in it" if self._is_file else None,
            ) from error
        self._bytes += len(data)

    async def _writable(self) -> None:
        loop, writable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_writer(self._descriptor, writable.set)
        try:
            await writable.wait()
        finally:
            loop.remove_writer(self._descriptor)


@contextmanager
def opened(path: str) -> Iterator[Output]:
    """The file, empty, or standard output for `-`. Raises LiveError if it cannot be opened."""
    if path == STANDARD_OUTPUT:
        descriptor = sys.stdout.fileno()
        blocking = os.get_blocking(descriptor)
        # A reader that does not read must not keep a command from ending.
        os.set_blocking(descriptor, False)
        try:
            yield Output("standard output", descriptor)
        finally:
            os.set_blocking(descriptor, blocking)
        return
    try:
        # Of a named pipe that nobody reads, this says so instead of waiting.
        descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC, 0o666
        )
    except OSError as error:
        raise LiveError(f"{path} cannot be written: {error.strerror}", "name another file") from error
    try:
        yield Output(path, descriptor)
    finally:
        os.close(descriptor)
