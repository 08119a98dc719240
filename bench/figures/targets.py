"""What was to be reached, and how far it is: `bench/targets.toml` against what was measured."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.figures.document import DocumentError
from bench.figures.tables import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.figures.document import Document, Row, X

FILE = Path(__file__).resolve().parents[1] / "targets.toml"


@dataclass(frozen=True, slots=True)
class Which:
    """Rows of a panel: those of one series, at all places from one to another, or `at` one of them."""

    panel: str
    series: str
    least_x: int | None = None
    most_x: int | None = None
    at: X | None = None

    def of(self, document: Document) -> list[Row]:
        """The rows."""
        return [
            row
            for row in document.rows
            if (row.panel, row.series) == (self.panel, self.series) and self._within(row.x)
        ]

    def _within(self, x: X) -> bool:
        if self.at is not None:
            return x == self.at
        if isinstance(x, str):
            return self.least_x is None and self.most_x is None
        return (self.least_x is None or x >= self.least_x) and (self.most_x is None or x <= self.most_x)


@dataclass(frozen=True, slots=True)
class Target:
    """`value` of `rows` of a figure is to be `least` or `most` at each place.

    It is divided by that of `by` at the same place, or, of one row, `by_one` row's. A target without a figure
    is not measured here, and `bound` says why; else `bound` says what keeps it from being reached.
    """

    what: str
    target: str
    bound: str
    figure: str | None = None
    value: str = ""
    least: float | None = None
    most: float | None = None
    rows: Which | None = None
    by: Which | None = None
    by_one: Which | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`measured` is the worst of all places, `reached` its share of the target, at least 1 if it is met."""

    target: Target
    measured: float | None = None
    at: X | None = None
    reached: float | None = None
    command: str = ""
    reason: str = ""

    @property
    def met(self) -> bool:
        """Whether it is met at each place."""
        return self.reached is not None and self.reached >= 1


def targets() -> list[Target]:
    """All of them. Raises DocumentError."""
    try:
        return [_target(said) for said in tomllib.loads(FILE.read_text(encoding="utf-8"))["targets"]]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DocumentError(f"{FILE} has no targets: {error}", "see the comment at its beginning") from error


def _target(said: dict[str, Any]) -> Target:
    which: dict[str, Any] = {key: Which(**said[key]) for key in ("rows", "by", "by_one") if key in said}
    made = Target(**(said | which))
    if made.figure is not None and (made.rows is None or (made.least is None) == (made.most is None)):
        raise ValueError(f"{made.what}: rows, and one of least and most")
    return made


def verdict(target: Target, documents: Mapping[str, Document]) -> Verdict:
    """What became of a target."""
    if target.figure is None or target.rows is None:
        return Verdict(target, reason="not measured here")
    document = documents.get(target.figure)
    if document is None:
        return Verdict(target, reason=f"{target.figure} is not there")
    points = _points(target, target.rows, document)
    if not points:
        reasons = [row.reason for row in target.rows.of(document) if row.reason is not None]
        return Verdict(target, command=document.command, reason="".join(reasons[:1]) or "not measured")
    shares = [(_share(target, value), value, x) for x, value in points]
    reached, value, x = min(shares, key=lambda one: one[0])
    return Verdict(target, value, x, reached, document.command)


def table(verdicts: Sequence[Verdict]) -> str:
    """In Markdown."""
    lines = [
        "| what | target | measured | | command | |\n",
        "| --- | --- | --- | --- | --- | --- |\n",
    ]
    for one in verdicts:
        said = one.reason if one.measured is None else f"{number(one.measured)} (at {one.at})"
        lines.append(
            f"| {one.target.what} | {one.target.target} | {said} | {state(one)} | {_command(one)} "
            f"| {_bound(one)} |\n"
        )
    return "".join(lines)


def state(verdict: Verdict) -> str:
    """In a word."""
    if verdict.reached is None:
        return "-"
    return "met" if verdict.met else f"{verdict.reached:.2f} of it"


def _bound(verdict: Verdict) -> str:
    """What keeps a target from being reached, or from being measured here."""
    missed = verdict.reached is not None and not verdict.met
    return verdict.target.bound if missed or verdict.target.figure is None else ""


def _command(verdict: Verdict) -> str:
    return f"`{verdict.command}`" if verdict.command else ""


def _points(target: Target, which: Which, document: Document) -> list[tuple[X, float]]:
    """Where there is a value, and the value; divided, if it is to be."""
    divisors: dict[X, float | None] | None = None
    if target.by is not None:
        divisors = {row.x: row.median(target.value) for row in target.by.of(document)}
    elif target.by_one is not None:
        one = next((row.median(target.value) for row in target.by_one.of(document)), None)
        divisors = {row.x: one for row in which.of(document)}
    points = []
    for row in which.of(document):
        value = row.median(target.value)
        if value is not None and divisors is not None:
            divisor = divisors.get(row.x)
            value = value / divisor if divisor else None
        if value is not None:
            points.append((row.x, value))
    return points


def _share(target: Target, value: float) -> float:
    if target.least is not None:
        return value / target.least
    if target.most is None:
        raise ValueError(f"{target.what}: neither least nor most")
    return target.most / value if value > 0 else float("inf")
