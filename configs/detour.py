"""Moves routes away from links that are down, and back to the shortest path when that works again.

A complete plugin: `nextmini algorithm new` writes one to begin with. See docs/algorithms.md.
"""

from collections import deque

from pydantic import Field

from nextmini.algorithms import Algorithm, Flow, Network, TopologyChange


class Detour(Algorithm):
    """Keeps the routes of all flows on the path with the fewest links that works."""

    class Parameters(Algorithm.Parameters):
        longest: int = Field(default=16, ge=1, description="Most links of a path that is worth taking.")

    parameters: Parameters

    def on_start(self, network: Network) -> None:
        self.place(network)

    def on_topology_change(self, network: Network, change: TopologyChange) -> None:
        self.place(network)

    def on_flow_started(self, network: Network, flow: Flow) -> None:
        self.place(network)

    def place(self, network: Network) -> None:
        """Gives every pair that flows need a route that works, if there is one."""
        pairs = {(flow.source, flow.destination) for flow in network.flows.values() if not flow.ended}
        # What acknowledges a flow goes the other way.
        for source, destination in sorted(pairs | {(b, a) for a, b in pairs}):
            path = self.path(network, source, destination)
            if path is None:
                continue
            routes = network.routes_between(source, destination)
            if not routes:
                network.add_route(path)
            for route in routes:
                if len(path) < len(route.path) or not network.works(route):
                    network.set_path(route, path)

    def path(self, network: Network, source: int, destination: int) -> tuple[int, ...] | None:
        """The path with the fewest links that are up (breadth first); None if there is none."""
        before: dict[int, int] = {source: source}
        waiting = deque([(source, 0)])
        while waiting:
            node, links = waiting.popleft()
            if node == destination:
                path = [node]
                while path[-1] != source:
                    path.append(before[path[-1]])
                return tuple(reversed(path))
            if links == self.parameters.longest:
                continue
            for link in network.links_at(node):
                other = link.other(node)
                if link.up and other not in before:
                    before[other] = node
                    waiting.append((other, links + 1))
        return None
