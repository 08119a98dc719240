"""Whether a socket listens in the network of a process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

LOOK_SECONDS = 0.02

_LISTENING = {"tcp": "0A", "udp": "07"}
"""States of sockets that wait for anybody, as proc_net_tcp(5) has them; a bound UDP socket is "closed"."""


async def until_listening(process: int, protocol: Literal["tcp", "udp"], port: int) -> None:
    """Returns when a socket listens at `port`; never, if the process ends before."""
    while not listens(process, protocol, port):  # noqa: ASYNC110 - the kernel tells nobody
        await asyncio.sleep(LOOK_SECONDS)


def listens(process: int, protocol: Literal["tcp", "udp"], port: int) -> bool:
    """Whether a socket listens at `port`, of IPv4 or of IPv6, in the network of this process."""
    return any(
        _matches(line, _LISTENING[protocol], port)
        for table in (protocol, f"{protocol}6")
        for line in _lines(Path(f"/proc/{process}/net/{table}"))
    )


def _matches(line: str, state: str, port: int) -> bool:
    _, local, _, found, *_ = line.split()
    return found == state and int(local.rpartition(":")[2], 16) == port


def _lines(table: Path) -> list[str]:
    try:
        return table.read_text().splitlines()[1:]
    except OSError:  # the process has ended, or there is no IPv6
        return []
