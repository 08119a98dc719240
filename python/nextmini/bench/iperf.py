"""Throughput of TCP between two nodes, by iperf3: what real programs get.

The congestion control is said, since a namespace has that of the machine; cubic is everywhere.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.errors import RunError
from nextmini.hosts.commands import spawn
from nextmini.hosts.inside import end_group

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from nextmini.hosts.commands import Place

PROGRAM = "iperf3"
CONGESTION = "cubic"
_LISTENS = "listening"


@dataclass(frozen=True, slots=True)
class Ends:
    """Between whom: a client and a server at an address."""

    client: Place
    server: Place
    address: str


@dataclass(frozen=True, slots=True)
class Received:
    """What the server got."""

    gbps: float
    gigabytes: float


async def throughput(ends: Ends, flows: int, seconds: float) -> Received:
    """What `flows` connections carry together in `seconds`. Raises RunError.

    Cancelling it ends both programs.
    """
    client = (PROGRAM, "-c", ends.address, "-t", f"{seconds:g}", "-P", str(flows), "-C", CONGESTION, "-J")
    async with _server(ends.server):
        return received(await _output(ends.client, client))


def received(text: str) -> Received:
    """What a client's report (`-J`) says of the other end. Raises RunError if it tells of an error."""
    try:
        document: dict[str, Any] = json.loads(text)
        if "error" in document:
            raise RunError(f"{PROGRAM} failed: {document['error']}")
        total = document["end"]["sum_received"]
        found = Received(float(total["bits_per_second"]) / 1e9, float(total["bytes"]) / 1e9)
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{PROGRAM} reports what cannot be read: {text.strip()[:200]!r}") from error
    if found.gigabytes == 0:
        raise RunError(f"{PROGRAM}: nothing came through")
    return found


@asynccontextmanager
async def _server(place: Place) -> AsyncIterator[None]:
    """A server for one client, which listens."""
    process = await _start(place, (PROGRAM, "-s", "-1", "--forceflush"))
    try:
        await asyncio.to_thread(_until_listening, process)
        yield
    finally:
        _end(process)


def _until_listening(process: subprocess.Popen[str]) -> None:
    said = []
    for line in process.stdout or ():
        if _LISTENS in line:
            return
        said.append(line.strip())
    raise RunError(f"the server of {PROGRAM} did not start: {' '.join(said) or 'it said nothing'}")


async def _output(place: Place, command: Sequence[str]) -> str:
    process = await _start(place, command)
    try:
        output, _ = await asyncio.to_thread(process.communicate)
        return str(output)
    finally:
        _end(process)


async def _start(place: Place, command: Sequence[str]) -> subprocess.Popen[str]:
    return await asyncio.to_thread(
        spawn,
        place,
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        end_group(process)
    if process.stdout is not None:
        process.stdout.close()
