"""A process's part of a capture."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from nextmini.errors import RunError
from nextmini.hosts.local import capture_socket
from nextmini.protocol.capture import BlockReader, encode_request, kind_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from nextmini.protocol.capture import CaptureRequest

ANSWER_SECONDS = 30.0
"""How long a process may take to begin."""
_READ_BYTES = 2**18


class ProcessStream:
    """The blocks that a process sends; `header` is what its file begins with."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """For `open`, which see."""
        self.header: list[bytes] = []
        self._reader = reader
        self._writer = writer
        self._blocks = BlockReader()
        self._early: list[bytes] = []

    @classmethod
    async def open(cls, folder: Path, process: int, request: CaptureRequest) -> ProcessStream:
        """Asks a process of the experiment whose folder this is; from then on it shows packets.

        Raises RunError if it takes no captures, ProtocolError if it answers with something else.
        """
        where = f"dataplane process {process}"
        try:
            reader, writer = await _connect(capture_socket(folder, process))
        except OSError as error:
            raise RunError(
                f"{where} takes no captures: {error.strerror}", "start it with --captures if it is yours"
            ) from error
        stream = cls(reader, writer)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                writer.write(encode_request(request))
                await stream._read_header(1 + len(request.links))
        except BaseException as error:
            writer.close()
            if isinstance(error, TimeoutError):
                raise RunError(
                    f"{where} did not begin to capture within {ANSWER_SECONDS:g} seconds"
                ) from error
            if isinstance(error, EOFError | OSError):
                raise RunError(f"{where} did not begin to capture: it closed the connection") from error
            raise
        return stream

    async def blocks(self) -> AsyncIterator[list[bytes]]:
        """What comes after the header, as it comes, to its end. Raises ProtocolError."""
        yield self._early
        with suppress(ConnectionError):  # a process that was killed is an end as well
            while data := await self._reader.read(_READ_BYTES):
                yield self._blocks.feed(data)

    def end(self) -> None:
        """Nothing more is wanted but the rest."""
        with suppress(OSError):  # it has ended by itself
            self._writer.write_eof()

    def close(self) -> None:
        """Lets go of the connection."""
        self._writer.close()

    async def _read_header(self, blocks: int) -> None:
        while len(self.header) < blocks:
            data = await self._reader.read(_READ_BYTES)
            if not data:
                raise EOFError
            for block in self._blocks.feed(data):
                (self.header if kind_of(block) in ("section", "interface") else self._early).append(block)


async def _connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the socket, whose path may be longer than the 107 bytes that a socket's name has."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
