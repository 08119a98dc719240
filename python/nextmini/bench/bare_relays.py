"""What connections through entrances are compared with: a chain of threads that have the kernel splice.

The module is a program, `python -m nextmini.bench.bare_relays RELAYS PORT`, so that the chain has a
process of its own, as ours has. It says the port of 127.0.0.1 where the chain begins; the last relay connects
to PORT. A connection has a thread at each relay, which passes a request on, and then splices the answer from
one connection to the other up to its end: what `nextmini bench max` has as its bare chain, with programs at
its ends instead of threads. See splice(2).
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.bench.helpers import end_with_input, helper, program, say
from nextmini.bench.web_server import listening, send_at_once

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROGRAM = program("nextmini.bench.bare_relays")
_PIPE_BYTES = 512 * 1024
"""As many as a flow in max mode has."""
_REQUEST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class BareRelays:
    """A chain that runs: the number of its process, and the port of 127.0.0.1 where it begins."""

    process: int
    port: int


@asynccontextmanager
async def bare_relays(relays: int, port: int) -> AsyncIterator[BareRelays]:
    """A chain to `port`, up to the end of the context. Raises RunError."""
    command = (*PROGRAM, str(relays), str(port))
    async with helper("the bare chain", command) as (process, line):
        yield BareRelays(process.pid, int(line))


def main(arguments: list[str]) -> None:
    """Relays until standard input ends."""
    end_with_input()
    relays, port = map(int, arguments)
    for _ in range(relays):
        listener = listening()
        threading.Thread(target=_keep, args=(listener, port), daemon=True).start()
        port = listener.getsockname()[1]
    say(str(port))
    threading.Event().wait()


def _keep(listener: socket.socket, onward: int) -> None:
    """Relays each connection to a port."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_relay, args=(connection, onward), daemon=True).start()


def _relay(client: socket.socket, onward: int) -> None:
    with client, socket.create_connection(("127.0.0.1", onward)) as server:
        send_at_once(server)
        try:
            # A request of curl's is one segment, and an answer is all that follows.
            server.sendall(client.recv(_REQUEST_BYTES))
            _pass_all(server.fileno(), client.fileno())
        except OSError:
            # One of the two has gone, and the other one sees it.
            return


def _pass_all(source: int, destination: int) -> None:
    """Splices until the source ends."""
    reader, writer = os.pipe()
    try:
        capacity = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        while held := os.splice(source, writer, capacity):
            while held:
                held -= os.splice(reader, destination, held)
    finally:
        os.close(reader)
        os.close(writer)


if __name__ == "__main__":
    main(sys.argv[1:])
