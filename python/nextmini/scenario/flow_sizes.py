"""How large flows are: one size for all, or a distribution, in a file or as measured in data centres.

A distribution is given by points of its cumulative distribution function, with straight lines between them,
as simulators of data centres do. The two that are built in are the tables of pFabric (Alizadeh et al.,
"pFabric: Minimal near-optimal datacenter transport", SIGCOMM 2013), in packets of 1,460 bytes of payload:

- `web-search` as measured for DCTCP (Alizadeh et al., "Data Center TCP (DCTCP)", SIGCOMM 2010);
- `data-mining` as measured for VL2 (Greenberg et al., "VL2: a scalable and flexible data center network",
  SIGCOMM 2009).
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, NoReturn

from pydantic import PlainValidator, ValidationInfo

from nextmini.scenario.fields import Written, plain_text, refuse
from nextmini.scenario.files import BadFileError, lines_of, refuse_file
from nextmini.scenario.units import UnitError, parse_size
from nextmini.scenario.wording import shown

Point = tuple[float, float]
"""Bytes, and the share of flows that are at most as large."""

PAYLOAD = 1460
"""Bytes of payload of a packet in the published tables."""
_WEB_SEARCH = (
    *((6, 0.15), (13, 0.2), (19, 0.3), (33, 0.4), (53, 0.53), (133, 0.6)),
    *((667, 0.7), (1333, 0.8), (3333, 0.9), (6667, 0.97), (20000, 1.0)),
)
_DATA_MINING = (
    *((1, 0.5), (2, 0.6), (3, 0.7), (7, 0.8), (267, 0.9)),
    *((2107, 0.95), (66667, 0.99), (666667, 1.0)),
)
_LARGEST = 10.0**15
_HEADER = ["bytes", "probability"]
_FORM = "write bytes and the share of flows that are at most as large, as in 10000,0.15"
_NUMBER = re.compile(r"-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_SIZE = re.compile(r"\s*[+-]?\d+(\.\d+)?\s*([^\W\d_]+|%)?\s*")


@dataclass(frozen=True, slots=True)
class FlowSizes:
    """A distribution of sizes in bytes by points of its cumulative distribution function, the last at 1."""

    name: str
    points: tuple[Point, ...]

    @property
    def mean(self) -> float:
        """Bytes."""
        least, share = self.points[0]
        between = ((b[1] - a[1]) * (a[0] + b[0]) / 2 for a, b in pairwise(self.points))
        return least * share + sum(between)

    def at(self, share: float) -> int:
        """The size in bytes, at least 1, that this share of flows (0 to 1) does not exceed."""
        place = bisect_left(self.points, share, key=lambda point: point[1])
        if place == 0:
            return max(1, round(self.points[0][0]))
        (less, low), (more, high) = self.points[place - 1 : place + 1]
        return max(1, round(less + (more - less) * (share - low) / (high - low)))


def _published(name: str, packets: Sequence[tuple[int, float]]) -> FlowSizes:
    return FlowSizes(name, tuple((number * PAYLOAD, share) for number, share in packets))


PUBLISHED = {
    sizes.name: sizes
    for sizes in (_published("web-search", _WEB_SEARCH), _published("data-mining", _DATA_MINING))
}


def parse_sizes(content: bytes, file: str, name: str) -> FlowSizes:
    """The distribution in a file's content: a line `bytes,probability` for each point, in their order.

    The first line may be just these two words. Raises BadFileError with the first line that is wrong.
    """
    points: list[Point] = []
    first = True
    for number, text in lines_of(content, file):
        cells = [cell.strip() for cell in text.split(",")]
        if not (first and [cell.lower() for cell in cells] == _HEADER):
            points.append(_point(cells, points, file, number))
        first = False
    if not points:
        raise BadFileError(file, None, f"there are no points in {file}", _FORM)
    if points[-1][1] != 1:
        message = f"the last probability is {points[-1][1]:g}, not 1"
        raise BadFileError(file, None, f"{message}, in {file}", "end with the largest size, as in 30000000,1")
    if points[-1][0] < 1:
        raise BadFileError(file, None, f"no flow has any bytes, in {file}", "write larger sizes")
    return FlowSizes(name, tuple(points))


def _point(cells: list[str], before: list[Point], file: str, number: int) -> Point:
    def wrong(message: str, remedy: str = _FORM) -> NoReturn:
        raise BadFileError(file, number, message, remedy)

    if len(cells) != 2:
        wrong(f"this line has {len(cells)} cells")
    for cell in cells:
        if _NUMBER.fullmatch(cell) is None:
            wrong(f"{shown(cell)} is not a number")
    size, share = float(cells[0]), float(cells[1])
    if not 0 <= size <= _LARGEST:
        wrong(f"{cells[0]} bytes are not possible")
    if not 0 <= share <= 1:
        wrong(f"{cells[1]} is not a probability", "write it as a part of 1, as in 0.15")
    if before and (size < before[-1][0] or share < before[-1][1]):
        wrong("this point is below the one before it", "sizes and probabilities grow from line to line")
    return size, share


def _sizes(value: Any, info: ValidationInfo) -> FlowSizes | None:
    if value is None or isinstance(value, FlowSizes):
        return value
    name = plain_text(value, "sizes")
    if name in PUBLISHED:
        return PUBLISHED[name]
    if _SIZE.fullmatch(name):
        return _of_one(name)
    if info.context is None:
        refuse(f"{shown(name)} cannot be read here", "load the scenario from a file")
    try:
        found: FlowSizes = info.context.sizes(name)
    except BadFileError as error:
        refuse_file(error)
    return found


def _of_one(text: str) -> FlowSizes:
    try:
        return FlowSizes(text, ((parse_size(text), 1.0),))
    except UnitError as error:
        refuse(error.message, error.remedy)


SomeSizes = Annotated[
    FlowSizes | None,
    PlainValidator(_sizes),
    Written(
        '`"web-search"`, `"data-mining"`, size, or file',
        {"type": "string", "minLength": 1, "examples": [*PUBLISHED, "10 kB", "sizes.csv"]},
    ),
]
