"""Links that flows in max mode may cross, and cannot: such flows have rates and nothing else, no TLS, and
stay in a site."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextmini.scenario.expansion.links import Web
    from nextmini.scenario.network import Link, Route

IMPAIRMENTS = ("delay", "jitter", "loss", "duplicate", "reorder", "corrupt", "drop")
"""What is asked of single packets: bytes that the kernel passes on are none."""


class MaxLinks:
    """Finds links on the way of a pair that a flow in max mode cannot cross."""

    def __init__(self, web: Web, routes: tuple[Route, ...]) -> None:
        self._closed = [(link, key) for link in web.links if (key := _obstacle(link, web)) is not None]
        self._routes: dict[tuple[int, int], list[Route]] = {}
        for route in routes:
            self._routes.setdefault((route.path[0], route.path[-1]), []).append(route)
        self._near: dict[int, list[tuple[int, float]]] = {}
        for link in web.links:
            self._near.setdefault(link.a, []).append((link.b, link.cost))
            self._near.setdefault(link.b, []).append((link.a, link.cost))
        self._costs: dict[int, dict[int, float]] = {}

    def refused(self, source: int, destination: int) -> tuple[Link, str] | None:
        """Such a link on a route of the pair, and what is asked of it.

        A pair without routes takes a cheapest path: then it may be on any of these.
        """
        routes = self._routes.get((source, destination))
        for link, key in self._closed:
            crossed = _on(link, routes) if routes else self._on_cheapest(link, source, destination)
            if crossed:
                return link, key
        return None

    def _on_cheapest(self, link: Link, source: int, destination: int) -> bool:
        here, there = self._costs_from(source), self._costs_from(destination)
        whole = here.get(destination)
        if whole is None:
            return False
        ways = ((link.a, link.b), (link.b, link.a))
        # Costs are sums of the same numbers in another order.
        return any(
            a in here and b in there and here[a] + link.cost + there[b] <= whole * (1 + 1e-9) for a, b in ways
        )

    def _costs_from(self, start: int) -> dict[int, float]:
        """What the cheapest path to each node costs (E. W. Dijkstra, 1959)."""
        if start in self._costs:
            return self._costs[start]
        costs: dict[int, float] = {}
        waiting = [(0.0, start)]
        while waiting:
            cost, node = heapq.heappop(waiting)
            if node in costs:
                continue
            costs[node] = cost
            for other, more in self._near.get(node, ()):
                if other not in costs:
                    heapq.heappush(waiting, (cost + more, other))
        self._costs[start] = costs
        return costs


def enclosed(web: Web) -> dict[int, tuple[Link, str]]:
    """Nodes that nothing in max mode can leave: one of their links, and what is asked of it."""
    found: dict[int, tuple[Link, str]] = {}
    open_nodes: set[int] = set()
    for link in web.links:
        key = _obstacle(link, web)
        for node in (link.a, link.b):
            if key is None:
                open_nodes.add(node)
            else:
                found.setdefault(node, (link, key))
    return {node: why for node, why in found.items() if node not in open_nodes}


def _obstacle(link: Link, web: Web) -> str | None:
    """What is asked of the link that bytes which the kernel passes on cannot have."""
    if link.id in web.apart:
        return f'transport = "{link.transport}" between sites'
    if link.transport == "tls":
        return 'transport = "tls"'
    directions = (link.forward, link.backward)
    return next((key for key in IMPAIRMENTS if any(getattr(one, key) for one in directions)), None)


def _on(link: Link, routes: list[Route]) -> bool:
    hops = {hop for route in routes for hop in zip(route.path, route.path[1:], strict=False)}
    return (link.a, link.b) in hops or (link.b, link.a) in hops
