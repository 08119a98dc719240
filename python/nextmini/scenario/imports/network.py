"""From the graph of a file to nodes and links of a network, by what its user says of doubtful cases.

One link for each pair of nodes. Nothing is left out without a notice, and what the user has to decide is
refused until it is decided.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from nextmini.scenario.imports.attributes import NodeFacts, edge_facts, node_facts
from nextmini.scenario.imports.distance import great_circle_km, propagation_delay
from nextmini.scenario.imports.joining import Arc, Join, joined
from nextmini.scenario.imports.names import node_names
from nextmini.scenario.reachability import components
from nextmini.scenario.wording import count, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nextmini.scenario.imports.attributes import EdgeFacts
    from nextmini.scenario.imports.distance import Position
    from nextmini.scenario.imports.graph import Graph, GraphEdge

Parallel = Literal["refuse", "merge", "first"]
OneWay = Literal["refuse", "both"]
Coordinates = Literal["geographic", "plane"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says of a file: see the keys of `kind = "file"`. `unit` in bit/s."""

    directed: bool | None = None
    one_way: OneWay = "refuse"
    parallel: Parallel = "refuse"
    coordinates: Coordinates | None = None
    distances: bool = True
    internal_only: bool = False
    largest: bool = False
    unit: int = 1
    rate_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class ImportedNode:
    """A node: its name, and its id and label in the file, where it is, and how many live there."""

    name: str
    id: str
    label: str
    position: Position | None
    spot: tuple[float, float] | None
    population: float | None


@dataclass(frozen=True, slots=True)
class Imported:
    """Nodes, links between them by index (each with its two directions), and what is to be told of them."""

    format: str
    nodes: tuple[ImportedNode, ...]
    links: tuple[Join, ...]
    notices: tuple[str, ...]


def network_of(graph: Graph, wishes: Wishes) -> Imported:
    """The network in a graph. Raises BadFileError with the first node or edge that cannot be."""
    plane = graph.plane if wishes.coordinates is None else wishes.coordinates == "plane"
    facts = {node.id: node_facts(graph, node, plane) for node in graph.nodes}
    notices: list[str] = []
    kept = _kept(graph, facts, wishes, notices)
    index = {id: place for place, id in enumerate(kept)}
    directed = graph.directed if wishes.directed is None else wishes.directed
    arcs = _arcs(graph, index, directed, wishes, notices)
    links = joined(graph, arcs, wishes.parallel, wishes.one_way, notices)
    names = node_names(facts[id].label or id for id in kept)
    nodes = tuple(_node(id, name, facts[id]) for id, name in zip(kept, names, strict=True))
    if wishes.largest:
        nodes, links = _largest(nodes, links, notices)
    else:
        _tell_parts(nodes, links, notices)
    if wishes.distances:
        links = _with_distances(nodes, links, notices)
    return Imported(graph.format, nodes, tuple(links), tuple(notices))


def _kept(graph: Graph, facts: dict[str, NodeFacts], wishes: Wishes, notices: list[str]) -> list[str]:
    """The ids of the nodes that are wanted."""
    ids = [id for id, fact in facts.items() if fact.internal or not wishes.internal_only]
    if not ids:
        raise graph.refusal(None, "no node is internal", "write internal_only = false")
    if len(ids) < len(facts):
        outside = count(len(facts) - len(ids), "node")
        notices.append(f"left out with their links: {outside} that the file calls not internal")
    return ids


def _arcs(
    graph: Graph, index: dict[str, int], directed: bool, wishes: Wishes, notices: list[str]
) -> Iterable[Arc]:
    """The edges between nodes that are kept, and their facts."""
    loops = 0
    for edge in graph.edges:
        facts = edge_facts(graph, edge, wishes.unit)
        if edge.source not in index or edge.target not in index:
            continue
        if edge.source == edge.target:
            loops += 1
            continue
        one_way = directed if edge.directed is None or wishes.directed is not None else edge.directed
        yield Arc(edge, index[edge.source], index[edge.target], _scaled(graph, edge, facts, wishes), one_way)
    if loops:
        notices.append(f"left out: {count(loops, 'link')} from a node to itself")


def _scaled(graph: Graph, edge: GraphEdge, facts: EdgeFacts, wishes: Wishes) -> EdgeFacts:
    if facts.rate is None:
        return facts
    rate = round(facts.rate * wishes.rate_scale)
    if not 1 <= rate < 2**63:
        message = f"{edge}: its rate is {facts.rate:g} bit/s, and {rate} bit/s with rate_scale"
        raise graph.refusal(edge.line, message, "write another rate_scale")
    return replace(facts, rate=rate)


def _with_distances(nodes: tuple[ImportedNode, ...], links: list[Join], notices: list[str]) -> list[Join]:
    """The links, those without a delay with one by their length, or by the distance of their ends."""
    found, without = [], 0
    for link in links:
        ends = nodes[link.a].position, nodes[link.b].position
        by_distance = None
        if ends[0] is not None and ends[1] is not None:
            by_distance = great_circle_km(ends[0], ends[1])
        ways = [_with_delay(way, by_distance) for way in (link.forward, link.backward)]
        without += any(way.delay is None for way in ways)
        found.append(replace(link, forward=ways[0], backward=ways[1]))
    if without and any(node.position for node in nodes):
        notices.append(
            f"as slow as `link` says: {count(without, 'link')} without a delay, and without coordinates at "
            "both ends"
        )
    return found


def _with_delay(facts: EdgeFacts, kilometres: float | None) -> EdgeFacts:
    length = facts.length if facts.length is not None else kilometres
    if facts.delay is not None or length is None:
        return facts
    return replace(facts, delay=propagation_delay(length))


def _node(id: str, name: str, facts: NodeFacts) -> ImportedNode:
    return ImportedNode(name, id, facts.label or id, facts.position, facts.spot, facts.population)


def _parts(nodes: tuple[ImportedNode, ...], links: list[Join]) -> tuple[list[int], Counter[int]]:
    """For each node the smallest node of its part, and how many nodes each part has."""
    parts = components(len(nodes), [(link.a, link.b) for link in links])
    return parts, Counter(parts)


def _largest(
    nodes: tuple[ImportedNode, ...], links: list[Join], notices: list[str]
) -> tuple[tuple[ImportedNode, ...], list[Join]]:
    """The part with the most nodes; of several, the one that begins first in the file."""
    parts, sizes = _parts(nodes, links)
    best = min(sizes, key=lambda part: (-sizes[part], part))
    places = {place: None for place, part in enumerate(parts) if part == best}
    index = {place: new for new, place in enumerate(places)}
    if len(places) < len(nodes):
        notices.append(f"left out: {count(len(nodes) - len(places), 'node')} outside of the largest part")
    kept = [replace(link, a=index[link.a], b=index[link.b]) for link in links if link.a in index]
    return tuple(nodes[place] for place in places), kept


def _tell_parts(nodes: tuple[ImportedNode, ...], links: list[Join], notices: list[str]) -> None:
    parts, sizes = _parts(nodes, links)
    if len(sizes) > 1:
        apart = next(place for place, part in enumerate(parts) if part != parts[0])
        ends = f"{shown(nodes[0].name)} to {shown(nodes[apart].name)}"
        notices.append(
            f"there are {len(sizes)} parts without a link between them, of {min(sizes.values())} to "
            f"{max(sizes.values())} nodes: nothing leads from {ends}"
        )
