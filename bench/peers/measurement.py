"""What is measured of a peer, and what keeps one from being measured."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from nextmini.errors import PrerequisiteError, RunError


@dataclass(frozen=True, slots=True)
class Throughput:
    """What one TCP connection got."""

    gbps: float
    """Gbit/s of payload, end to end."""
    cpu_seconds_per_gb: float | None
    """CPU time of all processes of the measurement, those at its ends too, by GB (10**9 bytes) received."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What a network cost."""

    start_seconds: float
    """Up to the first answer to a ping between neighbours."""
    stop_seconds: float
    memory_mib: float
    """All memory that it took of the machine while it stood: its processes' and the kernel's."""


class PeerMissingError(PrerequisiteError):
    """A program of a peer is not on this machine; the remedy names its Debian package."""


class PeerLimitError(RunError):
    """The peer cannot do what was asked, on any machine or on this one; the message says why."""


def require_peer(program: str, package: str) -> None:
    """Raises PeerMissingError if this machine has no such program."""
    if shutil.which(program) is None:
        raise PeerMissingError(f"there is no program {program}", f"install it: apt install {package}")
