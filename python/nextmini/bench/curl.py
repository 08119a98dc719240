"""Downloads by curl, which are what real programs get through an entrance."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from nextmini.bench.outputs import Call, outputs
from nextmini.bench.web_server import FIRST
from nextmini.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.bench.web_server import WebServer

PROGRAM = "curl"
REQUESTS = 50
"""Short ones, for the time to the first byte."""
_PATIENCE_SECONDS = 60
"""What a download may take longer than its server sends."""


@dataclass(frozen=True, slots=True)
class Way:
    """How curl gets to a server: by the address and the port that it asks for, and by the port of 127.0.0.1
    of a SOCKS 5 server, if there is one in between."""

    address: str
    port: int
    socks: int | None = None

    def command(self, path: str, said: str, most_seconds: float) -> tuple[str, ...]:
        """curl, which says `said` (`--write-out`) of each transfer of `path`."""
        # The user's own settings count for nothing: those in files (-q), nor proxies of the environment.
        through: tuple[str, ...] = ("--noproxy", "*")
        if self.socks is not None:
            through = ("--noproxy", "", "--socks5", f"127.0.0.1:{self.socks}")
        limits = ("--max-time", f"{most_seconds:g}")
        url = f"http://{self.address}:{self.port}/{path}"
        return (PROGRAM, "-q", "-sS", *through, *limits, "-o", "/dev/null", "-w", said + r"\n", url)


@dataclass(frozen=True, slots=True)
class Download:
    """What one curl says of itself."""

    received: int
    seconds: float


async def throughput(way: Way, server: WebServer, flows: int, seconds: float) -> tuple[float, float]:
    """Gbit/s of `flows` downloads at once that each take so long, and the GB that came.

    Raises RunError if one fails, or bytes are missing. Cancelling it ends all programs.
    """
    command = way.command(f"{seconds!r}", "%{size_download} %{time_total}", seconds + _PATIENCE_SECONDS)
    texts = await outputs([Call(PROGRAM, command)] * flows)
    downloads = [download(text) for text in texts]
    return rate(downloads, await server.sent(flows))


def download(text: str) -> Download:
    """What is said of a download. Raises RunError if that cannot be read."""
    try:
        received, seconds = text.split()
        return Download(int(received), float(seconds))
    except ValueError as error:
        raise RunError(f"{PROGRAM} says what cannot be read: {text.strip()[:200]!r}") from error


def rate(downloads: Sequence[Download], sent: Sequence[int]) -> tuple[float, float]:
    """Gbit/s of all of them together, and GB. Raises RunError unless what came is what was `sent`."""
    received = sorted(one.received for one in downloads)
    if received != sorted(sent):
        raise RunError(f"{PROGRAM} received {received} bytes of {sorted(sent)}")
    if not all(received):
        raise RunError(f"{PROGRAM}: nothing came through")
    return sum(received) * 8 / max(one.seconds for one in downloads) / 1e9, sum(received) / 1e9


async def first_byte(way: Way) -> float:
    """Milliseconds from the beginning of a connection to the first byte of its answer, the median of
    `REQUESTS` connections one after the other. Raises RunError."""
    said = "%{num_connects} %{size_download} %{time_starttransfer}"
    command = way.command(f"{FIRST}?[1-{REQUESTS}]", said, _PATIENCE_SECONDS)
    (text,) = await outputs([Call(PROGRAM, command)])
    return middle_of(text)


def middle_of(text: str) -> float:
    """The median, in milliseconds, of what is said of short requests. Raises RunError unless each had a
    connection of its own and its byte."""
    lines = [line.split() for line in text.splitlines()]
    if len(lines) != REQUESTS or any(line[:2] != ["1", "1"] for line in lines):
        raise RunError(f"{PROGRAM} says what cannot be of {REQUESTS} connections: {text.strip()[:200]!r}")
    return median(float(line[2]) for line in lines) * 1e3
