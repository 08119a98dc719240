"""How a direction of a link behaves, as processes are told: rate, delay, impairments, queue.

A record with VARIANTS is one of several things: its first field says which, and the others that this one does
not have are None, and are not on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Distribution = Literal["uniform", "normal", "pareto"]
Discipline = Literal["fifo", "wrr", "drr"]
Process = Literal["constant", "poisson", "on_off"]
TraceKind = Literal["opportunities", "rates"]

Variants = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ChanceRecord:
    """Something that happens to some packets: a share from 0 to 1, and how alike neighbours are."""

    probability: float
    correlation: float = 0.0


@dataclass(frozen=True, slots=True)
class JitterRecord:
    """Variation of a delay around its mean; `reorder`: whether packets may overtake each other for it."""

    amount_ns: int
    distribution: Distribution = "uniform"
    correlation: float = 0.0
    reorder: bool = False


@dataclass(frozen=True, slots=True)
class LossRecord:
    """A loss model. In `pattern`, "1" is a packet that is lost."""

    model: Literal["random", "gilbert-elliott", "pattern"]
    probability: float | None = None
    correlation: float | None = None
    p: float | None = None
    r: float | None = None
    h: float | None = None
    k: float | None = None
    pattern: str | None = None

    VARIANTS: ClassVar[Variants] = {
        "random": ("probability", "correlation"),
        "gilbert-elliott": ("p", "r", "h", "k"),
        "pattern": ("pattern",),
    }


@dataclass(frozen=True, slots=True)
class LimitsRecord:
    """How much may wait; where nothing is said, 1,000 packets or 4 MiB, whichever comes first."""

    packets: int | None = None
    bytes: int | None = None
    time_ns: int | None = None


@dataclass(frozen=True, slots=True)
class DropRecord:
    """Who is dropped, or with `ecn` marked; `min` and `max` are packets, or bytes if `in_bytes`."""

    policy: Literal["tail", "red", "codel"]
    in_bytes: bool | None = None
    min: int | None = None
    max: int | None = None
    probability: float | None = None
    weight: float | None = None
    gentle: bool | None = None
    target_ns: int | None = None
    interval_ns: int | None = None
    ecn: bool | None = None

    VARIANTS: ClassVar[Variants] = {
        "tail": (),
        "red": ("in_bytes", "min", "max", "probability", "weight", "gentle", "ecn"),
        "codel": ("target_ns", "interval_ns", "ecn"),
    }


TAIL = DropRecord("tail")


@dataclass(frozen=True, slots=True)
class DirectionRecord:
    """One direction of a link: `rate` in bit/s, `burst` in bytes. The default only carries."""

    rate: int | None = None
    burst: int | None = None
    trace: int | None = None
    delay_ns: int = 0
    jitter: JitterRecord | None = None
    loss: LossRecord | None = None
    duplicate: ChanceRecord | None = None
    reorder: ChanceRecord | None = None
    corrupt: ChanceRecord | None = None
    limits: LimitsRecord = LimitsRecord()
    discipline: Discipline = "fifo"
    drop: DropRecord = TAIL


PLAIN = DirectionRecord()
"""A direction of which nothing was said."""


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """Part of a rate over time: `points` from the `first`-th on, of `total`, each (nanoseconds, value)."""

    id: int
    kind: TraceKind
    period_ns: int
    total: int
    first: int
    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class ClassRecord:
    """Packets that are treated alike, by what they match; `rate` in bit/s."""

    id: int
    source: int | None = None
    destination: int | None = None
    protocol: int | None = None
    port: int | None = None
    rate: int | None = None
    weight: int | None = None


@dataclass(frozen=True, slots=True)
class ArrivalRecord:
    """When a flow of packets sends; `on_off` has mean times on and off."""

    process: Process
    on_ns: int | None = None
    off_ns: int | None = None

    VARIANTS: ClassVar[Variants] = {"constant": (), "poisson": (), "on_off": ("on_ns", "off_ns")}


CONSTANT = ArrivalRecord("constant")
