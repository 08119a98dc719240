"""What a drawing of a network shows: pure, and without matplotlib."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

from nextmini.experiment.drawing.layout import Spot, placed, projected
from nextmini.experiment.quantities import count, rate
from nextmini.scenario.topology.file import File

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nextmini.scenario import Link, Network
    from nextmini.scenario.topology import Topology

_THIN, _THICK, _USUAL = 1.0, 6.0, 2.0
"""Points."""


@dataclass(frozen=True, slots=True)
class Line:
    """A link: its ends, its width in points, whether its rate is unknown, and what it carried of that."""

    ends: tuple[Spot, Spot]
    width: float
    dashed: bool
    used: float | None


@dataclass(frozen=True, slots=True)
class Picture:
    """All of a drawing; `coloured` if lines have colours by what they carried."""

    title: str
    spots: tuple[Spot, ...]
    labels: tuple[str, ...]
    lines: tuple[Line, ...]
    coloured: bool


def picture_of(
    network: Network, topology: Topology, used: Mapping[frozenset[str], float] | None = None
) -> Picture:
    """The drawing of a network; `used` is what links carried of their rates, by the names of their ends."""
    edges = [(link.a - 1, link.b - 1) for link in network.links]
    labels, known = _labels_and_places(network, topology)
    spots = placed(known, edges, network.seed)
    rates = [_rate(link) for link in network.links]
    widths = _widths(rates)
    names = [node.name for node in network.nodes]
    lines = tuple(
        Line(
            (spots[a], spots[b]),
            width,
            speed is None,
            None if used is None else used.get(frozenset((names[a], names[b]))),
        )
        for (a, b), width, speed in zip(edges, widths, rates, strict=True)
    )
    return Picture(_title(network, rates), tuple(spots), labels, lines, used is not None)


def _labels_and_places(network: Network, topology: Topology) -> tuple[tuple[str, ...], list[Spot | None]]:
    """What nodes are called in the file of a topology, and where it says they are."""
    if not isinstance(topology, File):
        return tuple(node.name for node in network.nodes), [None for _ in network.nodes]
    nodes = topology.imported.nodes
    positions = projected([node.position for node in nodes])
    if not any(positions):
        positions = [node.spot for node in nodes]
    return tuple(node.label for node in nodes), positions


def _rate(link: Link) -> int | None:
    """That of its faster direction."""
    return max((way.rate for way in (link.forward, link.backward) if way.rate is not None), default=None)


def _widths(rates: Sequence[int | None]) -> list[float]:
    """By the logarithm of rates: those of real networks differ by powers of ten."""
    known = [log(speed) for speed in rates if speed is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if high == low:
        return [_THIN if speed is None else _USUAL for speed in rates]
    return [
        _THIN if speed is None else _THIN + (_THICK - _THIN) * (log(speed) - low) / (high - low)
        for speed in rates
    ]


def _title(network: Network, rates: Sequence[int | None]) -> str:
    known = [speed for speed in rates if speed is not None]
    parts = [count(len(network.nodes), "node"), count(len(network.links), "link")]
    if known:
        low, high = rate(min(known)), rate(max(known))
        parts.append(low if low == high else f"{low} (thin) to {high} (thick)")
    return ", ".join(parts)
