"""HAProxy as a TCP proxy that has the kernel splice from one connection to the next.

It is told to (`option splice-request`, `splice-response`): left to itself (`splice-auto`) it copied all of a
connection that does nothing but send, and carried half as much. Each proxy is a process with one thread, and
its pipes have as many bytes as those of a flow in max mode.
"""

from __future__ import annotations

import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.peers.measurement import require_peer
from bench.peers.programs import first_line, tied
from bench.peers.proxies import Proxy, through_proxies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.peers.measurement import Throughput

PROGRAM = "haproxy"
_CONFIGURATION = """\
global
    maxconn 16
    nbthread 1
    tune.pipesize 524288
defaults
    mode tcp
    option splice-request
    option splice-response
    timeout connect 10s
    timeout client 1h
    timeout server 1h
listen hop
    bind fd@{listener}
    server next 127.0.0.1:{port}
"""


def throughput(hops: int, seconds: float) -> Throughput:
    """One connection through `hops` proxies. Raises PeerMissingError, PeerLimitError, RunError."""
    require_peer(PROGRAM, "haproxy")
    return through_proxies("HAProxy", proxy, hops, seconds)


def version() -> str:
    """Of HAProxy. Raises PeerMissingError."""
    require_peer(PROGRAM, "haproxy")
    return " ".join(first_line(PROGRAM, "-v").split()[:3])


@contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    """One that connects to a port of 127.0.0.1; it is gone after the context. Raises RunError."""
    # Who connects before HAProxy is ready waits at this socket, which it inherits.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with subprocess.Popen(
            tied(PROGRAM, "-q", "-db", "-f", "/dev/stdin"),
            pass_fds=(listener.fileno(),),
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                _configure(process, _CONFIGURATION.format(listener=listener.fileno(), port=port))
                yield Proxy(process.pid, listener.getsockname()[1])
            finally:
                process.kill()


def _configure(process: subprocess.Popen[str], text: str) -> None:
    if process.stdin is not None:
        process.stdin.write(text)
        process.stdin.close()
