"""How much may wait: packets, bytes, or the time that a queue takes to drain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from nextmini.scenario.units import (
    PACKETS,
    SIZE,
    TIME,
    Quantity,
    UnitError,
    format_size,
    format_time,
    parse_size,
    parse_time,
    whole,
)
from nextmini.scenario.wording import shown

QUEUE = Quantity(
    noun="queue limit",
    base="packets",
    units={**PACKETS.units, **SIZE.units, **TIME.units},
    habits={**TIME.habits, **SIZE.habits, **PACKETS.habits},
    examples=("100 packets", "64 kB", "50 ms"),
)
THRESHOLD = Quantity(
    noun="threshold",
    base="packets",
    units={**PACKETS.units, **SIZE.units},
    habits={**SIZE.habits, **PACKETS.habits},
    examples=("10 packets", "15 kB"),
)
_EXAMPLES = '"100 packets", "64 kB", "50 ms" or a list of these'


@dataclass(frozen=True, slots=True)
class Queue:
    """The most that may wait; `time` in seconds, at the link's rate. The first that is full counts."""

    packets: int | None = None
    bytes: int | None = None
    time: float | None = None

    def text(self) -> str | list[str]:
        """As a scenario has it."""
        texts = []
        if self.packets is not None:
            texts.append(_packets(self.packets))
        if self.bytes is not None:
            texts.append(format_size(self.bytes))
        if self.time is not None:
            texts.append(format_time(self.time))
        return texts[0] if len(texts) == 1 else texts


@dataclass(frozen=True, slots=True)
class Threshold:
    """A length of a queue."""

    number: int
    unit: Literal["packets", "bytes"]

    def text(self) -> str:
        """As a scenario has it."""
        return _packets(self.number) if self.unit == "packets" else format_size(self.number)


def parse_queue(value: object) -> Queue:
    """The limits in a text or in a list of texts of different kinds. Raises UnitError."""
    if not isinstance(value, list | tuple):
        value = [value]
    limits: dict[str, Any] = {}
    for item in value:
        kind, limit = _limit(item)
        if kind in limits:
            raise UnitError(f"{shown(value)} has two limits in {kind}", "keep one of each kind")
        limits[kind] = limit
    if not limits:
        raise UnitError("an empty list is no limit", f"write {_EXAMPLES}")
    return Queue(**limits)


def parse_threshold(value: object) -> Threshold:
    """A length in packets or bytes. Raises UnitError."""
    _, unit = THRESHOLD.split(value)
    if unit in PACKETS.units:
        return Threshold(whole(PACKETS, value), "packets")
    return Threshold(parse_size(value), "bytes")


def _limit(value: object) -> tuple[str, int | float]:
    number, unit = QUEUE.split(value)
    if unit in PACKETS.units:
        return "packets", whole(PACKETS, value)
    if unit in SIZE.units:
        return "bytes", parse_size(value)
    if number == 0:
        raise UnitError(f"{shown(value)} is nothing", "write more than 0 s")
    return "time", parse_time(value)


def _packets(number: int) -> str:
    return f"{number} packet{'' if number == 1 else 's'}"
