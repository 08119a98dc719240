"""What each direction of a link ends up with, of all that is said of it.

The settings of a topology's links come first, then the link's own entry; in each, what is said of one
direction comes on top of what is said of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from nextmini.scenario.conflicts import conflicts
from nextmini.scenario.direction import PLAIN, TEXTS, Direction
from nextmini.scenario.findings import Finding, Path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.scenario.direction import DirectionKeys
    from nextmini.scenario.expansion.traces import TraceBook
    from nextmini.scenario.tables import LinkSettings

Way = Literal["forward", "backward"]
KEYS = frozenset(TEXTS) | {"trace"}
_OTHER: dict[Way, Way] = {"forward": "backward", "backward": "forward"}


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings, and where they stand; `swapped` if they name the link's ends the other way round."""

    settings: LinkSettings
    path: Path
    swapped: bool = False


class Directions:
    """Makes directions; links of which the same is said share theirs."""

    def __init__(self, mtu: int, book: TraceBook, findings: list[Finding]) -> None:
        self._mtu = mtu
        self._book = book
        self._findings = findings
        self._known: dict[tuple[tuple[int, bool], ...], tuple[Direction, Direction]] = {}

    def of(self, layers: list[Layer]) -> tuple[Direction, Direction]:
        """Forward and backward, from what the layers say, each on top of those before it."""
        key = tuple((id(layer.settings), layer.swapped) for layer in layers)
        if key not in self._known:
            self._known[key] = (self._one(layers, "forward"), self._one(layers, "backward"))
        return self._known[key]

    def _one(self, layers: list[Layer], way: Way) -> Direction:
        values: dict[str, Any] = {}
        paths: dict[str, Path] = {}
        for table, path in _tables(layers, way):
            said = table.model_fields_set & KEYS
            for key, other in (("rate", "trace"), ("trace", "rate")):
                if key in said and other not in said:
                    values.pop(other, None)
            for key in said:
                values[key], paths[key] = getattr(table, key), (*path, key)
        if values.get("trace") is not None:
            values["trace"] = self._book.number(values["trace"], paths["trace"])
        if not values:
            return PLAIN
        direction = Direction.model_construct(**values)
        for key, message, remedy in conflicts(direction, self._mtu):
            self._findings.append(Finding(paths[key], message, remedy))
        return direction


def _tables(layers: list[Layer], way: Way) -> Iterator[tuple[DirectionKeys, Path]]:
    for layer in layers:
        own: Way = _OTHER[way] if layer.swapped else way
        yield layer.settings, layer.path
        one = getattr(layer.settings, own)
        if one is not None:
            yield one, (*layer.path, own)
