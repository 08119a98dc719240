"""What a network's graph is like: degrees, parts, the diameter, and what its links can carry."""

from __future__ import annotations

from collections import Counter
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from nextmini.scenario.reachability import components, distances, neighbours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.scenario.network import Link, Network

MOST_FOR_DIAMETER = 5_000
"""Nodes: above, it would take minutes."""


def summary(network: Network) -> dict[str, Any]:
    """The document of `nextmini topology show --json`, without what only a file says.

    `diameter` is the most links of a shortest path, in any part; None if there are too many nodes for it.
    Rates and delays are of directions of links, and of those that have a rate; the total is their sum.
    """
    edges = [(link.a - 1, link.b - 1) for link in network.links]
    near = neighbours(len(network.nodes), edges)
    parts = Counter(components(len(network.nodes), edges))
    ways = [way for link in network.links for way in (link.forward, link.backward)]
    rates = [way.rate for way in ways if way.rate is not None]
    return {
        "nodes": len(network.nodes),
        "links": len(network.links),
        "parts": sorted(parts.values(), reverse=True),
        "degree": _spread([len(others) for others in near]),
        "diameter": diameter(near) if len(near) <= MOST_FOR_DIAMETER else None,
        "rate_bps": _spread(rates),
        "delay_ms": _spread([way.delay * 1000 for way in ways]),
        "directions_without_rate": len(ways) - len(rates),
        "total_bps": sum(rates),
        "node_list": [
            {"name": node.name, "degree": len(others)}
            for node, others in zip(network.nodes, near, strict=True)
        ],
        "link_list": [_link(network, link) for link in network.links],
    }


def diameter(near: Sequence[Sequence[int]]) -> int:
    """The most links of a shortest path between any two nodes that are joined."""
    return max((away for source in range(len(near)) for away in distances(near, source) if away), default=0)


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    numbers = {"min": min(values), "median": median(values), "mean": fmean(values), "max": max(values)}
    return {key: round(value, 6) for key, value in numbers.items()}


def _link(network: Network, link: Link) -> dict[str, Any]:
    ways = (link.forward, link.backward)
    return {
        "ends": [network.node(link.a).name, network.node(link.b).name],
        "rate_bps": [way.rate for way in ways],
        "delay_ms": [round(way.delay * 1000, 6) for way in ways],
        "cost": link.cost,
    }
