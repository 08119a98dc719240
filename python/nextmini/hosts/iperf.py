"""Bandwidth between two nodes, as iperf3 measures it inside of them."""

from __future__ import annotations

import json
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from nextmini.errors import PrerequisiteError, RunError
from nextmini.hosts.commands import CommandError, inside, spawn
from nextmini.hosts.inside import end_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.hosts.commands import Place

    Process = subprocess.Popen[str]

PROGRAM = "iperf3"
USUAL_SECONDS = 5.0
"""As long as Mininet measures."""
USUAL_RATE = "10M"

_CONNECT_MILLISECONDS = "5000"


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is to be measured, for so many `seconds`; a test of udp sends at `rate`, as iperf writes it."""

    protocol: Literal["tcp", "udp"] = "tcp"
    seconds: float = USUAL_SECONDS
    rate: str = USUAL_RATE

    @property
    def words(self) -> list[str]:
        """Arguments of iperf3."""
        words = ["-t", f"{self.seconds:g}", "-i", "0", "-J"]
        return words if self.protocol == "tcp" else [*words, "-u", "-b", self.rate]


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """What was measured, in bit/s: what the server received and what the client sent; and of udp the share
    of packets that were lost."""

    received: float
    sent: float
    lost: float | None = None


def measure(client: Place, server: Place, address: str, wanted: Measurement) -> Bandwidth:
    """Sends from `client` to `server`, which has this `address`.

    Raises PrerequisiteError if there is no iperf3, RunError if it fails.
    """
    port = inside(server, _free_port)
    words = ["-c", address, "-p", port, "--connect-timeout", _CONNECT_MILLISECONDS, *wanted.words]
    with _serving(server, port), _started(client, words) as process:
        output, _ = process.communicate()
    return understood(output, f"{client.node} and {server.node}")


def understood(output: str, between: str) -> Bandwidth:
    """The figures of a client's JSON document. Raises RunError if it says that something failed."""
    try:
        document = json.loads(output)
    except ValueError:
        raise _failed(between, output.strip() or "it printed nothing") from None
    if "error" in document:
        raise _failed(between, document["error"])
    end: dict[str, Any] = document["end"]
    if "sum" not in end:
        return Bandwidth(end["sum_received"]["bits_per_second"], end["sum_sent"]["bits_per_second"])
    sent, lost = end["sum"]["bits_per_second"], end["sum"]["lost_percent"] / 100
    return Bandwidth(sent * (1 - lost), sent, lost)


def _failed(between: str, why: str) -> RunError:
    return RunError(
        f"the bandwidth between {between} cannot be measured: {why.removeprefix('error - ')}",
        "see with ping whether they reach each other",
    )


@contextmanager
def _serving(place: Place, port: str) -> Iterator[None]:
    """A server for one test, which listens from now on."""
    with _started(place, ["-s", "-1", "-i", "0", "-p", port, "--forceflush"]) as process:
        said = []
        for line in process.stdout or ():
            if "listening" in line:
                yield
                return
            said.append(line)
        words = "".join(said).strip() or "no reason given"
        raise RunError(f"{PROGRAM} cannot serve in node {place.node}: {words}")


@contextmanager
def _started(place: Place, words: list[str]) -> Iterator[Process]:
    """Runs iperf3, which is ended if it is not over then."""
    try:
        process: Process = spawn(
            place,
            [PROGRAM, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except CommandError as error:
        raise PrerequisiteError(
            f"node {place.node}: there is no {PROGRAM}, which measures bandwidth",
            "install it on this machine (apt install iperf3)",
        ) from error
    with process:
        try:
            yield process
        finally:
            end_group(process)


def _free_port() -> str:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as made:
        made.bind(("::", 0))
        return str(made.getsockname()[1])
