"""How true a process was to what was asked of it, as it reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantiles:
    """What is known of a time that was measured `count` times."""

    count: int = 0
    p50_ns: int = 0
    p99_ns: int = 0
    max_ns: int = 0


NEVER_MEASURED = Quantiles()


@dataclass(frozen=True, slots=True)
class LinkFidelity:
    """One direction of a link that has a rate, a delay or a loss; `node` is its sending end.

    `lateness`: how long after their time packets left. `busy_ns`: time in which packets were always waiting,
    with the bits that left in it and those that were to leave. `tried`: packets that met the loss model,
    which took `lost`, and was to take `expected_lost` on average with this `variance`.
    """

    link: int
    node: int
    lateness: Quantiles
    busy_ns: int
    busy_bits: int
    asked_bits: int
    tried: int
    lost: int
    expected_lost: float
    variance: float


@dataclass(frozen=True, slots=True)
class ProcessFidelity:
    """The process itself: how late a bare timer was beside it, and packets that it had to drop.

    `cpu_pressure` is the share of the time in which something waited for a processor, where the kernel tells.
    """

    timer: Quantiles
    cpu_pressure: float | None
    overruns: int
