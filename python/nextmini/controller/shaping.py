"""Links' settings as processes are told of them: nanoseconds instead of seconds, thresholds worked out."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from nextmini.protocol import (
    LARGEST_CHUNK,
    ArrivalRecord,
    ChanceRecord,
    ClassRecord,
    DirectionRecord,
    DropRecord,
    JitterRecord,
    LimitsRecord,
    LossRecord,
    TraceRecord,
)
from nextmini.protocol.direction import PLAIN, TAIL
from nextmini.scenario.conflicts import thresholds
from nextmini.scenario.direction import PLAIN as NOTHING_SAID
from nextmini.scenario.impairments import GilbertElliott, LossPattern, Red

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.scenario import Arrival, Class, Direction, Trace
    from nextmini.scenario.impairments import Chance, Jitter, Loss
    from nextmini.scenario.queue import Queue

POINTS_A_PART = 20_000
"""Of a trace: each takes up to 19 bytes of a message."""

_HEADERS = 40
"""Bytes of a lossless session's headers before its chunk, as on an emulated wire: IPv4 and TCP."""
_OPPORTUNITY_BITS = 1_500 * 8


# Most links of a network are alike.
@lru_cache(maxsize=4096)
def direction_record(direction: Direction) -> DirectionRecord:
    """A direction for processes."""
    if direction == NOTHING_SAID:
        return PLAIN
    return DirectionRecord(
        rate=direction.rate,
        burst=direction.burst,
        trace=direction.trace,
        delay_ns=_ns(direction.delay),
        jitter=_jitter(direction.jitter),
        loss=_loss(direction.loss),
        duplicate=_chance(direction.duplicate),
        reorder=_chance(direction.reorder),
        corrupt=_chance(direction.corrupt),
        limits=_limits(direction.queue),
        discipline=direction.discipline,
        drop=_drop(direction),
    )


def chunk_limit(direction: Direction, mtu: int, traces: Mapping[int, Trace]) -> int:
    """The most bytes of a chunk over this direction.

    One packet's where it works on single packets; else what takes a millisecond at its rate, so that no chunk
    keeps others waiting for long.
    """
    least = mtu - _HEADERS
    if direction.per_packet:
        return least
    rate = direction.rate
    if direction.trace is not None and direction.trace in traces:
        rate = peak(traces[direction.trace])
    if rate is None:
        return LARGEST_CHUNK
    return min(max(rate // 8_000, least), LARGEST_CHUNK)


def peak(trace: Trace) -> int:
    """The highest rate of a trace, in bit/s; opportunities are counted by the millisecond."""
    highest = max((value for _, value in trace.points), default=0)
    return highest * _OPPORTUNITY_BITS * 1_000 if trace.kind == "opportunities" else highest


def class_record(row: Class) -> ClassRecord:
    """A class for processes."""
    return ClassRecord(row.id, row.source, row.destination, row.protocol, row.port, row.rate, row.weight)


def trace_records(trace: Trace) -> list[TraceRecord]:
    """A trace in parts that fit into messages."""
    total, period = len(trace.points), _ns(trace.period)
    return [
        TraceRecord(trace.id, trace.kind, period, total, first, trace.points[first : first + POINTS_A_PART])
        for first in range(0, total, POINTS_A_PART)
    ]


def arrival_record(arrival: Arrival) -> ArrivalRecord:
    """When a flow of packets sends."""
    if arrival.on is None or arrival.off is None:
        return ArrivalRecord(arrival.process)
    return ArrivalRecord(arrival.process, _ns(arrival.on), _ns(arrival.off))


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


def _chance(chance: Chance | None) -> ChanceRecord | None:
    return None if chance is None else ChanceRecord(chance.probability, chance.correlation)


def _jitter(jitter: Jitter | None) -> JitterRecord | None:
    if jitter is None:
        return None
    return JitterRecord(_ns(jitter.amount), jitter.distribution, jitter.correlation, jitter.reorder)


def _loss(loss: Loss | None) -> LossRecord | None:
    if loss is None:
        return None
    if isinstance(loss, LossPattern):
        return LossRecord("pattern", pattern=loss.pattern)
    if isinstance(loss, GilbertElliott):
        return LossRecord("gilbert-elliott", p=loss.p, r=loss.r, h=loss.h, k=loss.k)
    return LossRecord("random", probability=loss.probability, correlation=loss.correlation)


def _limits(queue: Queue | None) -> LimitsRecord:
    if queue is None:
        return LimitsRecord()
    return LimitsRecord(queue.packets, queue.bytes, None if queue.time is None else _ns(queue.time))


def _drop(direction: Direction) -> DropRecord:
    drop = direction.drop
    if drop is None:
        return TAIL
    if not isinstance(drop, Red):
        return DropRecord(
            "codel", target_ns=_ns(drop.target), interval_ns=_ns(drop.interval), ecn=direction.ecn
        )
    least, most = thresholds(direction, drop)
    return DropRecord(
        "red",
        in_bytes=least.unit == "bytes",
        min=least.number,
        max=most.number,
        probability=drop.probability,
        weight=drop.weight,
        gentle=drop.gentle,
        ecn=direction.ecn,
    )
