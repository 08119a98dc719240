"""Rates that change over time: Mahimahi's files, and lists of times and rates.

A Mahimahi trace has a number of milliseconds in each line: at that moment one packet of 1,500 bytes may
leave. It begins again after its last line (mm-link(1); Netravali et al., USENIX ATC 2015).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, ValidationInfo, model_validator

from nextmini.scenario.fields import PositiveTime, Written, refuse, time
from nextmini.scenario.files import BadFileError, ScenarioFiles, refuse_file
from nextmini.scenario.table import Table
from nextmini.scenario.units import RATE, TIME, UnitError
from nextmini.scenario.wording import shown

TraceKind = Literal["opportunities", "rates"]
Point = tuple[int, int]

MOST_POINTS = 1_000_000
_LARGEST = 2**63 - 1
_LONGEST_MS = 10**9


@dataclass(frozen=True, slots=True)
class TraceSource:
    """A trace as it was given: `points` are (nanoseconds, value), `period` is in seconds, 0 for none."""

    kind: TraceKind
    period: float
    points: tuple[Point, ...]
    name: str | None = None


def parse_mahimahi(text: str, file: str, name: str) -> TraceSource:
    """The trace in a file's text. Raises BadFileError with the first line that is wrong."""
    moments: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        word = line.strip()
        if not word:
            continue
        if not (word.isascii() and word.isdigit()) or len(word) > 10 or int(word) > _LONGEST_MS:
            message = f"{shown(word)} is not a number of milliseconds"
            raise BadFileError(file, number, message, "write one whole number a line, as in 12")
        if moments and int(word) < moments[-1]:
            message = f"{word} ms is before the line above, {moments[-1]} ms"
            raise BadFileError(file, number, message, "write the moments in their order")
        moments.append(int(word))
    try:
        return opportunities(moments, name)
    except UnitError as error:
        raise BadFileError(file, None, error.message, error.remedy) from None


def opportunities(moments: Sequence[int], name: str | None = None) -> TraceSource:
    """The trace of these milliseconds, in order. Raises UnitError if nothing could ever leave."""
    if not moments or moments[-1] == 0:
        raise UnitError("this trace lets nothing leave", "give it a moment after 0 ms")
    counts = Counter(moments)
    if len(counts) > MOST_POINTS:
        raise UnitError(f"this trace has {len(counts):,} moments", f"keep to {MOST_POINTS:,}")
    points = tuple((moment * 1_000_000, count) for moment, count in counts.items())
    return TraceSource("opportunities", moments[-1] / 1000, points, name)


def _rates(value: object) -> tuple[Point, ...]:
    example = 'write times and rates, as in [["0 s", "10 Mbit/s"], ["5 s", "2 Mbit/s"]]'
    if not isinstance(value, list | tuple) or not value:
        refuse(f"expected a list of times and rates, got {shown(value)}", example)
    points: list[Point] = []
    for item in value:
        if not isinstance(item, list | tuple) or len(item) != 2:
            refuse(f"expected a time and a rate, got {shown(item)}", example)
        point = (round(time(item[0]) * 1e9), _rate(item[1]))
        if not points and point[0] != 0:
            refuse(f"this trace begins at {shown(item[0])}", "say what holds from 0 s on")
        if points and point[0] <= points[-1][0]:
            refuse(f"{shown(item[0])} is not after the time before it", "write the times in their order")
        points.append(point)
    if not any(rate for _, rate in points):
        refuse("this trace is 0 everywhere", "give it a rate that is more")
    if len(points) > MOST_POINTS:
        refuse(f"this trace has {len(points):,} points", f"keep to {MOST_POINTS:,}")
    return tuple(points)


def _rate(value: object) -> int:
    try:
        rate = RATE.parse(value)
    except UnitError as error:
        refuse(error.message, error.remedy)
    if rate.denominator != 1 or rate > _LARGEST:
        refuse(f"{shown(value)} is not possible", f"write whole bit/s, at most {_LARGEST}")
    return int(rate)


def _moments(value: object) -> tuple[int, ...]:
    remedy = "write whole milliseconds in their order, as in [1, 2, 2, 5]"
    if not isinstance(value, list | tuple):
        refuse(f"expected a list of milliseconds, got {shown(value)}", remedy)
    for place, moment in enumerate(value):
        if type(moment) is not int or not 0 <= moment <= _LONGEST_MS:
            refuse(f"{shown(moment)} is not a number of milliseconds", remedy)
        if place and moment < value[place - 1]:
            refuse(f"{moment} ms is before {value[place - 1]} ms", remedy)
    return tuple(value)


def _of_moments(moments: tuple[int, ...], name: str | None) -> TraceSource:
    try:
        return opportunities(moments, name)
    except UnitError as error:
        refuse(error.message, error.remedy)


def _name(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value.encode("utf-8", "replace")) <= 4096 or "\0" in value:
        refuse(f"{shown(value)} cannot be the name of a trace", "write it as text")
    return value


_RATES_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
    "minItems": 1,
}
_MOMENTS_SCHEMA: dict[str, Any] = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}

Rates = Annotated[
    tuple[Point, ...], PlainValidator(_rates), Written("list of times and rates", _RATES_SCHEMA)
]
Moments = Annotated[
    tuple[int, ...], PlainValidator(_moments), Written("list of milliseconds", _MOMENTS_SCHEMA)
]
TraceName = Annotated[str, PlainValidator(_name), Written("name", {"type": "string", "minLength": 1})]


class TraceTable(Table):
    """A trace in the scenario itself: `rates` or `opportunities`."""

    rates: Rates | None = Field(
        default=None,
        description="Times and the rate from then on, beginning at 0 s.",
        examples=[[["0 s", "10 Mbit/s"], ["5 s", "2 Mbit/s"]]],
    )
    period: PositiveTime | None = Field(
        default=None,
        description="After so long `rates` begin again. Without it, the last one stays.",
        examples=["10 s"],
    )
    opportunities: Moments | None = Field(
        default=None,
        description="Milliseconds at which 1,500 bytes may leave, as the lines of a file in the format of "
        "Mahimahi. It begins again after the last one.",
        examples=[[1, 2, 2, 5]],
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self.source()
        return self

    def source(self, name: str | None = None) -> TraceSource:
        """The trace that it says. Refuses to say too little or too much."""
        if self.opportunities is not None:
            if self.rates is not None or self.period is not None:
                refuse("`rates` and `period` do not go with `opportunities`", "keep one kind of trace")
            return _of_moments(self.opportunities, name)
        if self.rates is None:
            refuse("a trace has `rates` or `opportunities`", 'write rates = [["0 s", "10 Mbit/s"]]')
        if self.period is not None and round(self.period * 1e9) <= self.rates[-1][0]:
            refuse("`period` is not after the last time", "write a longer one")
        return TraceSource("rates", self.period or 0.0, self.rates, name)


class TraceEntry(TraceTable):
    """A trace that links can name."""

    name: TraceName = Field(description="What `trace` says to mean it.", examples=["lte"])


def format_points(points: Sequence[Point], kind: TraceKind) -> list[Any]:
    """The points of a trace as `rates` or `opportunities` have them."""
    if kind == "opportunities":
        return [at // 1_000_000 for at, count in points for _ in range(count)]
    return [[TIME.write(Fraction(at, 10**9)), RATE.write(Fraction(rate))] for at, rate in points]


def _trace(value: Any, info: ValidationInfo) -> TraceSource | str | None:
    if value is None or isinstance(value, TraceSource):
        return value
    if isinstance(value, str):
        return _named(_name(value), info.context)
    if isinstance(value, dict):
        return TraceTable.model_validate(value).source()
    if isinstance(value, list | tuple):
        return TraceSource("rates", 0.0, _rates(value))
    refuse(f"expected a trace, got {shown(value)}", 'name a file, or write [["0 s", "10 Mbit/s"]]')


def _named(name: str, files: ScenarioFiles | None) -> TraceSource | str:
    if files is None:
        return name
    try:
        return files.trace(name)
    except BadFileError as error:
        refuse_file(error)


ATrace = Annotated[
    TraceSource | str | None,
    PlainValidator(_trace),
    Written(
        "file, name, list or table",
        {"anyOf": [{"type": "string"}, _RATES_SCHEMA, {"type": "object"}], "examples": ["lte.trace"]},
    ),
]
