"""What a link costs by different metrics, and the network as a graph with these costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from nextmini.algorithms.graph import Graph

if TYPE_CHECKING:
    from nextmini.algorithms.view import View
    from nextmini.scenario.network import Metric

REFERENCE_RATE = 100e6
"""A link of this rate (bit/s) costs 1 by its inverse capacity, as in OSPF (RFC 2328, appendix C.3)."""
FASTEST_RATE = 100e9
"""What a link without a rate counts as, in bit/s."""
HOP_DELAY = 1e-6
"""Seconds for each link on top of its delay, so that one without any costs something too."""


class _Direction(Protocol):
    @property
    def rate(self) -> float | None: ...
    @property
    def delay(self) -> float: ...


class _Link(Protocol):
    @property
    def cost(self) -> float: ...
    @property
    def forward(self) -> _Direction: ...
    @property
    def backward(self) -> _Direction: ...


def cost_of(link: _Link, metric: Metric) -> float:
    """What a link costs; more than 0. Of both directions, the mean delay or the smaller rate counts."""
    match metric:
        case "cost":
            return link.cost
        case "hops":
            return 1.0
        case "delay":
            return (link.forward.delay + link.backward.delay) / 2 + HOP_DELAY
        case "inverse_capacity":
            rate = min(link.forward.rate or FASTEST_RATE, link.backward.rate or FASTEST_RATE)
            return REFERENCE_RATE / rate


def working_graph(network: View, metric: Metric) -> Graph:
    """The nodes and links that work."""
    nodes = [node.id for node in network.nodes.values() if node.up]
    links = [(link.a, link.b, cost_of(link, metric)) for link in network.links.values() if link.up]
    return Graph(nodes, links)
