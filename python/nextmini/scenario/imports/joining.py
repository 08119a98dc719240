"""Edges of a file become links: one for each pair of nodes, with two directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from nextmini.scenario.imports.attributes import LARGEST_RATE, EdgeFacts
from nextmini.scenario.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from nextmini.scenario.imports.graph import Graph, GraphEdge
    from nextmini.scenario.imports.network import OneWay, Parallel


@dataclass(frozen=True, slots=True, eq=False)
class Arc:
    """An edge from one node to another by index; `one_way` if it is no way back."""

    edge: GraphEdge
    source: int
    target: int
    facts: EdgeFacts
    one_way: bool


@dataclass(frozen=True, slots=True)
class Join:
    """A link; `forward` is from `a` to `b`. Both directions have the same cost."""

    a: int
    b: int
    forward: EdgeFacts
    backward: EdgeFacts


class _Ways(NamedTuple):
    """What leads from the first of two nodes to the second, and back; an edge without direction does both."""

    there: list[Arc]
    back: list[Arc]


def joined(
    graph: Graph, arcs: Iterable[Arc], parallel: Parallel, one_way: OneWay, notices: list[str]
) -> list[Join]:
    """A link for each pair, in the order of its first edge. Raises BadFileError."""
    pairs: dict[tuple[int, int], _Ways] = {}
    for arc in arcs:
        pair = (arc.source, arc.target)
        known = pair[::-1] if pair[::-1] in pairs else pair
        ways = pairs.setdefault(known, _Ways([], []))
        if known == pair or not arc.one_way:
            ways.there.append(arc)
        if known != pair or not arc.one_way:
            ways.back.append(arc)
    joiner = _Joiner(graph, parallel, one_way)
    links = [joiner.link(pair, ways) for pair, ways in pairs.items()]
    notices += joiner.notices()
    return links


class _Joiner:
    def __init__(self, graph: Graph, parallel: Parallel, one_way: OneWay) -> None:
        self._graph = graph
        self._parallel = parallel
        self._one_way = one_way
        self._more = 0
        self._silent = 0
        self._completed = 0

    def link(self, pair: tuple[int, int], ways: _Ways) -> Join:
        """The link of a pair. Raises BadFileError if it cannot be told what that is."""
        there, back = ways
        if not there or not back:
            known = (there or back)[0].edge
            if self._one_way == "refuse":
                message = f"{known} is directed, and there is none back"
                remedy = 'add it, or write one_way = "both", or directed = false'
                raise self._graph.refusal(known.line, message, remedy)
            self._completed += 1
            there = back = there or back
        forward, backward = self._way(there), self._way(back)
        # By identity: a hostile file may have hundreds of thousands of edges between two nodes.
        self._count({id(arc): arc for arc in (*there, *back)}.values(), there[0], back[0])
        if forward.cost != backward.cost:
            message = f"{there[0].edge} has {_cost(forward)}, and the way back {_cost(backward)}"
            remedy = "write the same for both: a link has one cost"
            raise self._graph.refusal(back[0].edge.line, message, remedy)
        return Join(*pair, forward, backward)

    def notices(self) -> list[str]:
        """What became of edges that are no links of their own."""
        texts = []
        if self._more and self._parallel == "merge":
            silent = f", of which those without a rate ({self._silent}) add nothing" if self._silent else ""
            texts.append(f"merged with others between the same nodes: {count(self._more, 'edge')}{silent}")
        elif self._more:
            texts.append(f"left out: {count(self._more, 'edge')} between nodes that are joined already")
        if self._completed:
            edges = count(self._completed, "directed edge")
            texts.append(f"made links both ways: {edges} with none back")
        return texts

    def _count(self, arcs: Collection[Arc], *kept: Arc) -> None:
        self._more += sum(arc not in kept for arc in arcs)
        rates = [arc.facts.rate for arc in arcs]
        if any(rates):
            self._silent += rates.count(None)

    def _way(self, arcs: list[Arc]) -> EdgeFacts:
        """One direction: of several edges, as the user wishes."""
        if len(arcs) == 1 or self._parallel == "first":
            return arcs[0].facts
        if self._parallel == "refuse":
            first, second = arcs[0].edge, arcs[1].edge
            line = "" if first.line is None else f" by that of line {first.line}"
            message = f"{second} joins nodes that are joined already{line}"
            remedy = 'keep one, or write parallel = "merge" to add up their rates, or parallel = "first"'
            raise self._graph.refusal(second.line, message, remedy)
        facts = [arc.facts for arc in arcs]
        rate = _folded(sum, [fact.rate for fact in facts])
        if rate is not None and rate >= LARGEST_RATE:
            first = arcs[0].edge
            message = f"{first}: the rates of {len(arcs)} edges are {rate:g} bit/s together"
            raise self._graph.refusal(first.line, message, "write lower ones, or a rate_scale")
        return EdgeFacts(
            rate=rate,
            delay=_folded(min, [fact.delay for fact in facts]),
            cost=_folded(min, [fact.cost for fact in facts]),
            length=_folded(min, [fact.length for fact in facts]),
        )


def _folded(fold: Callable[[list[float]], float], values: list[float | None]) -> float | None:
    """The sum or the least of what is said, if anything is."""
    known = [value for value in values if value is not None]
    return fold(known) if known else None


def _cost(facts: EdgeFacts) -> str:
    return "no cost" if facts.cost is None else f"the cost {facts.cost:g}"
