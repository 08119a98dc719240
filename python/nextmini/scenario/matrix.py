"""Traffic matrices in files: how much goes from each node to each other.

Two forms, told apart by their first line. A square: `,n1,n2` names the columns, and each further line begins
with the name of its row. A list: `source,destination,rate`, and a line for each pair; what it does not name
is 0. A rate has a unit ("5 Mbit/s"), or is a number of bit/s. Files of SNDlib have demands as well.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, NoReturn

from pydantic import PlainValidator, ValidationInfo

from nextmini.scenario.fields import Written, plain_text, refuse
from nextmini.scenario.files import BadFileError, lines_of, refuse_file
from nextmini.scenario.units import RATE, UnitError
from nextmini.scenario.wording import shown

_LIST = ["source", "destination", "rate"]
_NUMBER = re.compile(r"(?P<sign>-?)\d+(\.\d+)?([eE][+-]?\d{1,3})?")
_LARGEST = 2.0**63
_FORMS = 'begin with a line of names, as in ",n1,n2", or with "source,destination,rate"'

Row = tuple[int, list[str]]
"""The number of a line and its cells."""


class Cell(NamedTuple):
    """What goes from a node to another, in bit/s, and the line that says so."""

    source: str
    destination: str
    rate: float
    line: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """A traffic matrix: the nodes that it names, each with the line where that is, and what is not 0."""

    file: str
    nodes: tuple[tuple[str, int], ...]
    cells: tuple[Cell, ...]


def parse_matrix(content: bytes, file: str) -> Matrix:
    """The matrix in a file's content. Raises BadFileError with the first line that is wrong."""
    if content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"?SNDlib", b"<")):
        return _of_sndlib(content, file)
    rows = _rows(content, file)
    first = next(rows, None)
    if first is None:
        raise BadFileError(file, None, f"there is nothing in {file}", _FORMS)
    number, head = first
    if [cell.lower() for cell in head] == _LIST:
        return _listed(rows, file)
    if len(head) > 1 and not head[0]:
        return _square(head[1:], number, rows, file)
    raise BadFileError(file, number, "this line names neither columns nor a list of pairs", _FORMS)


def _rows(content: bytes, file: str) -> Iterator[Row]:
    for number, text in lines_of(content, file):
        try:
            cells = next(csv.reader([text], strict=True))
        except csv.Error as error:
            message = f"this line is not CSV: {error}"
            raise BadFileError(file, number, message, "separate cells by commas") from None
        yield number, [cell.strip() for cell in cells]


def _square(columns: list[str], head: int, rows: Iterator[Row], file: str) -> Matrix:
    _check_names(columns, head, file)
    nodes: dict[str, int] = {}
    cells: list[Cell] = []
    for number, (name, *values) in rows:
        if name not in columns:
            message = f"{shown(name)} has a row and no column"
            raise BadFileError(file, number, message, "a square has the same names in rows and columns")
        if name in nodes:
            message = f"{shown(name)} has a row in line {nodes[name]} too"
            raise BadFileError(file, number, message, "keep one row for each node")
        if len(values) != len(columns):
            message = f"this row has {len(values)} rates, and there are {len(columns)} columns"
            raise BadFileError(file, number, message, "write one for each column, 0 where nothing goes")
        nodes[name] = number
        for column, text in zip(columns, values, strict=True):
            cells += _cell(name, column, text, number, file)
    for column in columns:
        if column not in nodes:
            message = f"{shown(column)} has a column and no row"
            raise BadFileError(file, head, message, "a square has the same names in rows and columns")
    return Matrix(file, tuple(nodes.items()), tuple(cells))


def _check_names(columns: list[str], number: int, file: str) -> None:
    for place, name in enumerate(columns):
        if not name or name in columns[:place]:
            what = f"{shown(name)} has two columns" if name else "a column has no name"
            raise BadFileError(file, number, what, "write the name of one node for each column")


def _listed(rows: Iterator[Row], file: str) -> Matrix:
    nodes: dict[str, int] = {}
    pairs: dict[tuple[str, str], int] = {}
    cells: list[Cell] = []
    for number, row in rows:
        if len(row) != len(_LIST):
            message = f"this line has {len(row)} cells"
            raise BadFileError(
                file, number, message, "write source, destination and rate, as in n1,n2,5 Mbit/s"
            )
        source, destination, text = row
        if (source, destination) in pairs:
            message = f"line {pairs[source, destination]} is about this pair too"
            raise BadFileError(file, number, message, "keep one line for each pair")
        pairs[source, destination] = number
        nodes.setdefault(source, number)
        nodes.setdefault(destination, number)
        cells += _cell(source, destination, text, number, file)
    return Matrix(file, tuple(nodes.items()), tuple(cells))


def _of_sndlib(content: bytes, file: str) -> Matrix:
    """The demands of a file of SNDlib; several for a pair are one."""
    from nextmini.scenario.imports.sndlib import UNIT, sndlib_demands

    snd = sndlib_demands(content, file)
    if not snd.demands:
        raise BadFileError(file, None, f"there are no demands in {file}", "name a file with demands, or CSV")
    unit = snd.unit or UNIT
    nodes: dict[str, int] = {}
    sums: dict[tuple[str, str], Cell] = {}
    for source, destination, amount, line in snd.demands:
        nodes.setdefault(source, line)
        nodes.setdefault(destination, line)
        pair = (source, destination)
        for cell in _cell(source, destination, str(amount * unit), line, file):
            rate = cell.rate + (sums[pair].rate if pair in sums else 0)
            sums[pair] = cell._replace(rate=rate)
    return Matrix(file, tuple(nodes.items()), tuple(sums.values()))


def _cell(source: str, destination: str, text: str, number: int, file: str) -> list[Cell]:
    """The cell, or nothing if nothing goes there."""
    rate = _rate(text, f"from {shown(source)} to {shown(destination)}", number, file)
    if rate and source == destination:
        message = f"{shown(source)} sends to itself"
        raise BadFileError(file, number, message, "write 0 there: that is no traffic of a network")
    return [Cell(source, destination, rate, number)] if rate else []


def _rate(text: str, where: str, number: int, file: str) -> float:
    """Bit/s."""

    def wrong(message: str, remedy: str = "write a rate as in 5 Mbit/s, a number of bit/s, or 0") -> NoReturn:
        raise BadFileError(file, number, f"{message} ({where})", remedy)

    if not text:
        wrong("a rate is missing")
    match = _NUMBER.fullmatch(text)
    if match is not None and match["sign"]:
        wrong(f"{text} is negative")
    try:
        rate = float(text) if match is not None else float(RATE.parse(text))
    except UnitError as error:
        wrong(error.message, error.remedy)
    if rate >= _LARGEST:
        wrong(f"{text} is too large")
    return rate


def _matrix(value: Any, info: ValidationInfo) -> Matrix | None:
    if value is None or isinstance(value, Matrix):
        return value
    name = plain_text(value, "the path of a file")
    if info.context is None:
        refuse(f"{shown(name)} cannot be read here", "load the scenario from a file")
    try:
        found: Matrix = info.context.matrix(name)
    except BadFileError as error:
        refuse_file(error)
    return found


AMatrix = Annotated[
    Matrix | None,
    PlainValidator(_matrix),
    Written("file", {"type": "string", "minLength": 1, "examples": ["matrix.csv"]}),
]
