"""What attributes of nodes and edges mean, by the names that are usual for them.

Names are compared in lower case, and the first of several counts. Numbers without units are bit/s, km and
degrees; a delay has to have its unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from nextmini.scenario.imports.capacity import labelled_rate, speed
from nextmini.scenario.imports.distance import Position
from nextmini.scenario.imports.graph import plain
from nextmini.scenario.units import RATE, UnitError, parse_time
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.scenario.files import BadFileError
    from nextmini.scenario.imports.graph import Graph, GraphEdge, GraphNode

LATITUDES = ("latitude", "lat")
LONGITUDES = ("longitude", "lon", "lng", "long")
RATES = ("rate", "bandwidth", "bw", "capacity")
DELAYS = ("delay", "latency")
COSTS = ("cost", "metric", "weight")
LENGTHS = ("length", "distance", "dist")
LARGEST_RATE = 2.0**63
_LARGEST_COST = 1e9
_LONGEST_KM = 1e6
_MOST_PEOPLE = 1e12
_WIDEST = 1e9
_TRUTH = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a file says of a node: `position` on the Earth, `spot` on a plane, inhabitants or customers."""

    label: str | None = None
    position: Position | None = None
    spot: tuple[float, float] | None = None
    population: float | None = None
    internal: bool = True


@dataclass(frozen=True, slots=True)
class EdgeFacts:
    """What a file says of an edge: bit/s, seconds, cost, kilometres."""

    rate: float | None = None
    delay: float | None = None
    cost: float | None = None
    length: float | None = None


class _Said(NamedTuple):
    """Attributes of an element, and how messages call it."""

    graph: Graph
    line: int | None
    what: str
    attributes: Mapping[str, Any]

    def first(self, names: tuple[str, ...]) -> tuple[str, Any] | None:
        """The first of these attributes that has a value, with its name."""
        for name in names:
            value = self.attributes.get(name)
            if value is not None and value != "":
                return name, value
        return None

    def text(self, name: str) -> str | None:
        value = self.attributes.get(name)
        return (
            None if value is None or isinstance(value, list | dict) else " ".join(str(value).split()) or None
        )

    def number(self, names: tuple[str, ...]) -> float | None:
        """Raises BadFileError if it is there and no finite number."""
        found = self.first(names)
        if found is None:
            return None
        value = _as_number(found[1])
        if value is None:
            raise self.wrong(f"{found[0]} is {shown(found[1])}", "write a number")
        return value

    def wrong(self, message: str, remedy: str) -> BadFileError:
        return self.graph.refusal(self.line, f"{self.what}: {message}", remedy)


def node_facts(graph: Graph, node: GraphNode, plane: bool) -> NodeFacts:
    """What is said of a node; `plane` if its coordinates are no degrees. Raises BadFileError."""
    said = _Said(graph, node.line, f"node {shown(node.id)}", node.attributes)
    population = said.number(("population",))
    if population is not None and not 0 <= population <= _MOST_PEOPLE:
        raise said.wrong(f"population is {population:g}", f"write a number from 0 to {_MOST_PEOPLE:g}")
    latitude, longitude = said.number(LATITUDES), said.number(LONGITUDES)
    if (latitude is None) != (longitude is None):
        one, other = ("longitude", "latitude") if latitude is None else ("latitude", "longitude")
        raise said.wrong(f"it has a {one} and no {other}", "write both, or none")
    spot, position = None, None
    if latitude is not None and longitude is not None:
        if plane:
            spot = (longitude, latitude)
        else:
            position = _position(said, latitude, longitude)
    x, y = said.number(("x",)), said.number(("y",))
    if spot is None and x is not None and y is not None:
        spot = (x, y)
    if spot is not None and max(map(abs, spot)) > _WIDEST:
        raise said.wrong(f"there is no place {spot[0]:g}, {spot[1]:g}", f"write at most {_WIDEST:g}")
    label = said.text("label") or said.text("name")
    if label is not None and not plain(label):
        raise said.wrong(f"its label has characters that nobody can show: {label!a}", "leave them out")
    return NodeFacts(label, position, spot, population, _internal(said))


def edge_facts(graph: Graph, edge: GraphEdge, unit: int) -> EdgeFacts:
    """What is said of an edge, whose numbers of capacity count `unit` bit/s. Raises BadFileError."""
    said = _Said(graph, edge.line, str(edge), edge.attributes)
    cost = said.number(COSTS)
    if cost is not None and not 0 < cost <= _LARGEST_COST:
        raise said.wrong(f"its cost is {cost:g}", f"write more than 0, up to {_LARGEST_COST:g}")
    return EdgeFacts(_edge_rate(said, unit), _delay(said), cost, _length(said))


def _position(said: _Said, latitude: float, longitude: float) -> Position:
    plane = 'write degrees, or coordinates = "plane" if these are none'
    if not -90 <= latitude <= 90:
        raise said.wrong(f"there is no latitude {latitude:g}", plane)
    if not -180 <= longitude <= 180:
        raise said.wrong(f"there is no longitude {longitude:g}", plane)
    return Position(latitude, longitude)


def _internal(said: _Said) -> bool:
    text = said.text("internal")
    if text is None:
        return True
    if text.lower() not in _TRUTH:
        raise said.wrong(f"Internal is {shown(text)}", "write 1 or 0")
    return _TRUTH[text.lower()]


def _edge_rate(said: _Said, unit: int) -> float | None:
    """By `LinkSpeedRaw`, `LinkSpeed` and its unit, an attribute for it, or a label that is a rate."""
    raw = said.number(("linkspeedraw",))
    if raw is not None:
        return _possible(said, "LinkSpeedRaw", raw)
    number = said.number(("linkspeed",))
    if number is not None:
        text = said.text("linkspeedunits") or ""
        rate = speed(number, text)
        if rate is None:
            raise said.wrong(f"{shown(text)} is not a unit of LinkSpeed", "write K, M, G or T")
        return _possible(said, "LinkSpeed", rate)
    found = said.first(RATES)
    if found is not None:
        return _possible(said, found[0], _rate(said, *found, unit))
    label = said.text("linklabel")
    return None if label is None else labelled_rate(label)


def _rate(said: _Said, name: str, value: Any, unit: int) -> float:
    number = _as_number(value)
    if number is not None:
        return number * unit
    try:
        return float(RATE.parse(value))
    except UnitError as error:
        raise said.wrong(f"{name}: {error.message}", error.remedy) from None


def _possible(said: _Said, name: str, rate: float) -> float:
    if not 0 < rate < LARGEST_RATE:
        raise said.wrong(f"{name} is {rate:g} bit/s", "write a rate above 0, or leave it out")
    return rate


def _delay(said: _Said) -> float | None:
    found = said.first(DELAYS)
    if found is None:
        return None
    name, value = found
    try:
        return parse_time(value)
    except UnitError as error:
        raise said.wrong(f"{name}: {error.message}", error.remedy) from None


def _length(said: _Said) -> float | None:
    """Kilometres, of which a text may say so: "12.5 km"."""
    found = said.first(LENGTHS)
    if found is None:
        return None
    name, value = found
    if isinstance(value, str):
        value = value.strip().removesuffix("km").rstrip()
    kilometres = _as_number(value)
    if kilometres is None or not 0 <= kilometres <= _LONGEST_KM:
        raise said.wrong(f"{name} is {shown(found[1])}", "write a number of kilometres, as in 12.5 km")
    return kilometres


def _as_number(value: Any) -> float | None:
    """A finite number, if it is one or a text of one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
