"""What was measured for one figure, as it stands in `bench/results`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from nextmini.bench.figures import middle, significant, spread
from nextmini.errors import NextminiError

if TYPE_CHECKING:
    from pathlib import Path

X = int | str
"""Where a value stands: a number of hops or nodes, or a name."""
Scale = Literal["linear", "log"]


class DocumentError(NextminiError):
    """A file of results cannot be read."""


class Origin(StrEnum):
    """Whose figures these are."""

    OURS = "ours"
    BASELINE = "baseline"
    """A bare program of `nextmini.bench`: a bound, not an emulator."""
    PEER = "peer"


class Look(StrEnum):
    """How a panel is drawn."""

    LINES = "lines"
    BARS = "bars"


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart of a figure. `value` is the key of what it shows, in `unit`; more columns stand in tables."""

    key: str
    title: str
    x: str
    value: str
    unit: str
    look: Look = Look.LINES
    x_scale: Scale = "linear"
    y_scale: Scale = "linear"
    columns: tuple[str, ...] = ()


@dataclass(slots=True)
class Row:
    """One curve at one place: by key all values that were measured, one a repetition.

    `reason`: why there are no values, or fewer of them.
    """

    panel: str
    series: str
    x: X
    origin: Origin
    values: dict[str, list[float]] = field(default_factory=dict)
    reason: str | None = None

    def median(self, key: str) -> float | None:
        """The median of what was measured; None if nothing was."""
        return middle(self.values[key]) if self.values.get(key) else None

    def spread(self, key: str) -> tuple[float, float]:
        """The least and the largest. Raises KeyError, ValueError if nothing was measured."""
        least, largest = spread(self.values[key])
        return least, largest

    def document(self) -> dict[str, Any]:
        """As JSON has it: medians, their spread, and how many values there were."""
        measured = {key: values for key, values in self.values.items() if values}
        said: dict[str, Any] = {
            "panel": self.panel,
            "series": self.series,
            "x": self.x,
            "origin": str(self.origin),
            **{key: middle(values) for key, values in measured.items()},
        }
        if measured:
            said["spread"] = {key: spread(values) for key, values in measured.items()}
            said["values"] = {key: [*map(significant, values)] for key, values in measured.items()}
        if self.reason is not None:
            said["reason"] = self.reason
        return said

    @classmethod
    def of(cls, said: dict[str, Any]) -> Row:
        """The same from JSON. Raises KeyError, ValueError."""
        return cls(
            panel=said["panel"],
            series=said["series"],
            x=said["x"],
            origin=Origin(said["origin"]),
            values=said.get("values", {}),
            reason=said.get("reason"),
        )


@dataclass(slots=True)
class Document:
    """All of one figure: what was asked, of which machine, what came, and what is to be known of it."""

    figure: str
    title: str
    command: str
    date: str
    machine: dict[str, Any]
    seconds: float
    repeat: int
    quick: bool
    panels: list[Panel]
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    stand_in: str | None = None
    """What is not what the paper had."""

    @property
    def failures(self) -> list[str]:
        """What of ours could not be measured. A peer that cannot is no failure."""
        # Several panels may show the same measurement.
        found = dict.fromkeys(
            f"{row.series} at {row.x}: {row.reason}"
            for row in self.rows
            if row.reason is not None and row.origin != Origin.PEER
        )
        return [*found]

    def of_panel(self, panel: Panel) -> list[Row]:
        """Its rows, in the order in which they were measured."""
        return [row for row in self.rows if row.panel == panel.key]

    def write(self, path: Path) -> None:
        """As JSON. Raises OSError."""
        said = asdict(self)
        said["panels"] = [asdict(panel) for panel in self.panels]
        said["rows"] = [row.document() for row in self.rows]
        path.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> Document:
    """What `Document.write` wrote. Raises DocumentError."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        said["panels"] = [
            Panel(**panel | {"look": Look(panel["look"]), "columns": tuple(panel["columns"])})
            for panel in said["panels"]
        ]
        said["rows"] = [Row.of(row) for row in said["rows"]]
        return Document(**said)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DocumentError(f"{path} is no figure: {error}", "measure it again") from error
