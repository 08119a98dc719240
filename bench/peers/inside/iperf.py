"""A flow of iperf3 between two places of a network, by whatever starts commands there."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Start = Callable[[Sequence[str]], subprocess.Popen[str]]

OPTIONS: dict[str, Any] = {
    "stdin": subprocess.DEVNULL,
    "stdout": subprocess.PIPE,
    "stderr": subprocess.STDOUT,
    "text": True,
}
"""Of the commands that are started."""
_SERVER = ("iperf3", "-s", "-1", "--forceflush")
_CLIENT = ("iperf3", "-C", "cubic", "-J")


def flow(client: Start, server: Start, address: str, seconds: str) -> dict[str, Any]:
    """What the client reports of a flow to the server, at an address; it says there what went wrong."""
    with server(_SERVER) as listening:
        try:
            said = []
            for line in listening.stdout or ():
                said.append(line.strip())
                if "listening" in line:
                    break
            else:
                return {"error": f"the server of iperf3 did not start: {' '.join(said)}"}
            with client((*_CLIENT, "-c", address, "-t", seconds)) as talking:
                return {"report": talking.communicate()[0]}
        finally:
            listening.terminate()
