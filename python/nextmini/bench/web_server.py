"""What curl downloads from: a server that has the kernel send a file in memory.

The module is a program, `python -m nextmini.bench.web_server`, which says its port of 127.0.0.1. It answers
`GET /SECONDS` with the file, again and again for so long, up to the end of the connection: whatever the rate
is, it takes as long. It says how many bytes these were before it ends the connection, so that whoever has
received them can compare. It answers `GET /first` with one byte. Each connection has one request, and a
thread.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.bench.helpers import end_with_input, helper, program, say
from nextmini.errors import RunError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

PROGRAM = program("nextmini.bench.web_server")
CONGESTION = b"cubic"
"""Said, since the machine's own may be any."""
FIRST = "first"
_FILE_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20
_BACKLOG = 1024
_PATIENCE_SECONDS = 10
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n"


@dataclass(frozen=True, slots=True)
class WebServer:
    """A server that runs, at a port of 127.0.0.1."""

    process: Process
    port: int

    async def sent(self, answers: int) -> list[int]:
        """Bytes of each of the last `answers` of so many seconds, all of whose clients have ended.

        Raises RunError if a client of them ended before its answer did.
        """
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return [await self._next() for _ in range(answers)]
        except TimeoutError:
            raise RunError("the web server has not come to an end, and its clients have") from None

    async def _next(self) -> int:
        line = await self.process.stdout.readline() if self.process.stdout else b""
        try:
            return int(line)
        except ValueError:
            why = line.decode("utf-8", "replace").strip() or "it ended"
            raise RunError(f"the web server failed: {why}") from None


@asynccontextmanager
async def web_server() -> AsyncIterator[WebServer]:
    """A server, up to the end of the context. Raises RunError."""
    async with helper("the web server", PROGRAM) as (process, line):
        yield WebServer(process, int(line))


def listening(port: int = 0) -> socket.socket:
    """A socket of 127.0.0.1 whose connections send at once, with the same congestion control everywhere."""
    listener = socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
    send_at_once(listener)
    return listener


def send_at_once(made: socket.socket) -> None:
    """Sets both."""
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION)


def main() -> None:
    """Serves until standard input ends."""
    end_with_input()
    file, listener = _file(), listening()
    say(str(listener.getsockname()[1]))
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(connection, file), daemon=True).start()


def _file() -> int:
    """A file in memory, all of whose pages are there."""
    file = os.memfd_create("download")
    block = os.urandom(_PIECE_BYTES)
    for _ in range(_FILE_BYTES // _PIECE_BYTES):
        os.write(file, block)
    return file


def _serve(connection: socket.socket, file: int) -> None:
    with connection:
        try:
            asked = _asked(connection)
            if asked == FIRST:
                connection.sendall(_HEAD + b"Content-Length: 1\r\n\r\n!")
            elif asked:
                connection.sendall(_HEAD + b"\r\n")
                say(str(_send(connection, file, float(asked))))
        except OSError as error:
            say(f"a client did not stay to the end ({error.strerror})")


def _asked(connection: socket.socket) -> str:
    """The path of a request, without its slash and its query; nothing if the client went before it was
    complete."""
    request = b""
    while b"\r\n\r\n" not in request:
        more = connection.recv(4096)
        if not more:
            return ""
        request += more
    return request.split(b" ", 2)[1].decode().lstrip("/").partition("?")[0]


def _send(connection: socket.socket, file: int, seconds: float) -> int:
    """Sends for so long, and returns how many bytes."""
    until, sent = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        sent += os.sendfile(connection.fileno(), file, sent % _FILE_BYTES, _PIECE_BYTES)
    return sent


if __name__ == "__main__":
    main()
