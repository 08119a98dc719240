"""socat as a TCP proxy: one thread that copies from one connection to the next.

Its buffer has as many bytes as those of the bare chain of `nextmini bench lossless`.
"""

from __future__ import annotations

import re
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.peers.measurement import require_peer
from bench.peers.programs import first_line, tied
from bench.peers.proxies import Proxy, through_proxies
from nextmini.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.peers.measurement import Throughput

PROGRAM = "socat"
_BUFFER_BYTES = 256 * 1024
_LISTENS = re.compile(r"listening on .*:(\d+)$")


def throughput(hops: int, seconds: float) -> Throughput:
    """One connection through `hops` proxies. Raises PeerMissingError, PeerLimitError, RunError."""
    require_peer(PROGRAM, "socat")
    return through_proxies("socat", proxy, hops, seconds)


def version() -> str:
    """Of socat. Raises PeerMissingError."""
    require_peer(PROGRAM, "socat")
    return " ".join(first_line(PROGRAM, "-V", having="version").split()[:3])


@contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    """One that connects to a port of 127.0.0.1; it is gone after the context. Raises RunError."""
    ways = ("TCP-LISTEN:0,bind=127.0.0.1", f"TCP:127.0.0.1:{port}")
    with subprocess.Popen(
        tied(PROGRAM, "-d", "-d", "-b", str(_BUFFER_BYTES), *ways),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Proxy(process.pid, _port(process))
        finally:
            process.kill()


def _port(process: subprocess.Popen[str]) -> int:
    """Where it listens, when it does."""
    said = []
    for line in process.stderr or ():
        if found := _LISTENS.search(line.strip()):
            return int(found[1])
        said.append(line.strip())
    raise RunError(f"socat did not start: {' '.join(said) or 'it said nothing'}")
