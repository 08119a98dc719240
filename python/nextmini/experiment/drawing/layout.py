"""Where nodes are on a drawing: by their coordinates as far as there are some, else by their links."""

from __future__ import annotations

from collections import defaultdict
from math import cos, pi, radians, sin
from typing import TYPE_CHECKING

from nextmini.scenario.reachability import neighbours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.scenario.imports.distance import Position

Spot = tuple[float, float]
Edge = tuple[int, int]
_APART = 0.012
"""How far from their middle nodes of one place are put, as a share of the drawing."""


def placed(known: Sequence[Spot | None], edges: Sequence[Edge], seed: int) -> list[Spot]:
    """A place for each node: its own, or among its neighbours; of springs if none has its own."""
    if not any(known):
        return _apart(_springs(len(known), edges, seed))
    spots = list(known)
    near = neighbours(len(spots), edges)
    waiting = [node for node, spot in enumerate(spots) if spot is None]
    while waiting:
        found: dict[int, Spot] = {}
        for node in waiting:
            around = [spot for spot in (spots[other] for other in near[node]) if spot is not None]
            if around:
                found[node] = _middle(around)
        if not found:
            break
        for node, spot in found.items():
            spots[node] = spot
        waiting = [node for node in waiting if node not in found]
    return _apart(_below(spots))


def projected(positions: Sequence[Position | None]) -> list[Spot | None]:
    """Places on a map on which degrees east are as long as at its middle latitude.

    It is cut where there is the most of the Earth without nodes, so that the Pacific is no end of it.
    """
    there = [position for position in positions if position is not None]
    if not there:
        return [None for _ in positions]
    shrink = cos(radians(sum(position.latitude for position in there) / len(there)))
    east = sorted({position.longitude for position in there})
    gaps = [(after - before, after) for before, after in zip(east, [*east[1:], east[0] + 360], strict=True)]
    west = max(gaps)[1] % 360
    return [
        None if one is None else (((one.longitude - west) % 360) * shrink, one.latitude) for one in positions
    ]


def _springs(count: int, edges: Sequence[Edge], seed: int) -> list[Spot]:
    """As if links were springs (Fruchterman and Reingold, 1991)."""
    import rustworkx as rx

    graph: rx.PyGraph[None, None] = rx.PyGraph()
    graph.add_nodes_from([None] * count)
    graph.add_edges_from_no_data(list(edges))
    spots = rx.spring_layout(graph, seed=seed, num_iter=200)
    return [(float(spots[node][0]), float(spots[node][1])) for node in range(count)]


def _middle(spots: Sequence[Spot]) -> Spot:
    return sum(x for x, _ in spots) / len(spots), sum(y for _, y in spots) / len(spots)


def _below(spots: Sequence[Spot | None]) -> list[Spot]:
    """Those of which nothing is known stand in a row under the others."""
    there = [spot for spot in spots if spot is not None]
    left, right = min(x for x, _ in there), max(x for x, _ in there)
    low, high = min(y for _, y in there), max(y for _, y in there)
    lost = [node for node, spot in enumerate(spots) if spot is None]
    step = (right - left or 1.0) / (len(lost) + 1)
    under = low - ((high - low) or 1.0) * 0.15
    row = {node: (left + step * place, under) for place, node in enumerate(lost, 1)}
    return [row[node] if spot is None else spot for node, spot in enumerate(spots)]


def _apart(spots: Sequence[Spot]) -> list[Spot]:
    """Nodes of the same place stand around it."""
    together: defaultdict[Spot, list[int]] = defaultdict(list)
    for node, spot in enumerate(spots):
        together[spot].append(node)
    xs, ys = [x for x, _ in spots], [y for _, y in spots]
    radius = (max(max(xs) - min(xs), max(ys) - min(ys)) or 1.0) * _APART
    found = list(spots)
    for (x, y), nodes in together.items():
        for place, node in enumerate(nodes if len(nodes) > 1 else ()):
            angle = 2 * pi * place / len(nodes)
            found[node] = (x + radius * cos(angle), y + radius * sin(angle))
    return found
