"""The two ends of chains of TCP proxies on loopback: those that `nextmini bench` gives its bare chains.

The module is also a program, so that they have a process of their own. `python -m bench.peers.ends between
SECONDS` says the port of 127.0.0.1 where the last proxy is to connect to, and is told the one where the first
one listens; `python -m bench.peers.ends splice RELAYS SECONDS` has its own threads between the ends. Both say
as JSON what was carried.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers.measurement import Throughput
from bench.peers.programs import tied
from nextmini.bench.helpers import say
from nextmini.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_SECONDS = 20.0
"""How much longer than it is to take a measurement may take."""
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Carried:
    """What came through, how many cores the process of the ends kept busy, and for how long."""

    gbps: float
    cores: float
    seconds: float
    """Longer than what was asked for, since a connection has to get going before it is measured."""

    def throughput(self, others_cpu_seconds: float = 0.0) -> Throughput:
        """With the CPU time of others that had to do with it."""
        cores = self.cores + others_cpu_seconds / self.seconds
        return Throughput(self.gbps, cores / (self.gbps / 8))


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of a chain that is not there yet: it has to lead to `port` of 127.0.0.1."""

    process: subprocess.Popen[str]
    port: int

    def through(self, entrance: int, seconds: float) -> Carried:
        """What a connection to the port `entrance` carries. Raises RunError."""
        return _carried(self.process, f"{entrance}\n", seconds)


@contextmanager
def ends(seconds: float) -> Iterator[Ends]:
    """Ends for one measurement of so many seconds; they are gone after the context. Raises RunError."""
    with _program("between", str(seconds)) as process:
        line = process.stdout.readline() if process.stdout is not None else ""
        if not line:
            raise RunError(f"the ends of a chain failed: {_last_line(process.communicate()[1])}")
        yield Ends(process, int(line))


def splice_relays(relays: int, seconds: float) -> Carried:
    """What a chain of as many splicing threads carries. Raises RunError."""
    with _program("splice", str(relays), str(seconds)) as process:
        return _carried(process, "", seconds)


@contextmanager
def _program(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        tied(sys.executable, "-m", "bench.peers.ends", *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=_ROOT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _carried(process: subprocess.Popen[str], told: str, seconds: float) -> Carried:
    try:
        output, errors = process.communicate(told, timeout=2 * seconds + PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        raise RunError(f"nothing came through the chain for {PATIENCE_SECONDS:g} s") from None
    if process.returncode != 0:
        raise RunError(f"the ends of a chain failed: {_last_line(errors)}")
    return Carried(**json.loads(output.splitlines()[-1]))


def _last_line(text: str) -> str:
    return "".join(text.strip().splitlines()[-1:]) or "they said nothing"


def main(what: str, *arguments: str) -> None:
    """Measures once."""
    from nextmini import _native

    effort = _Effort()

    def entrance(port: int) -> int:
        say(str(port))
        found = int(sys.stdin.readline())
        effort.restart()
        return found

    if what == "splice":
        gbps = _native.bench_relay_chain(int(arguments[0]), float(arguments[1]), splice=True)
    else:
        gbps = _native.bench_between(entrance, float(arguments[0]))
    say(json.dumps(asdict(effort.carried(gbps))))


class _Effort:
    """What this process does from now on."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self._began, self._cpu = time.monotonic(), time.process_time()

    def carried(self, gbps: float) -> Carried:
        took = time.monotonic() - self._began
        return Carried(gbps, (time.process_time() - self._cpu) / took, took)


if __name__ == "__main__":
    main(*sys.argv[1:])
