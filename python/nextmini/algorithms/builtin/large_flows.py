"""Rerouting of large flows over equal-cost paths (M. Al-Fares et al.: Hedera, NSDI 2010).

Flows are spread over equal-cost paths by hashing. Those that grow beyond a share of their machine's link are
then placed one by one, by what they would take, on the first path that has room for them (global first fit).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from nextmini.algorithms.api import Share  # noqa: TC001 - pydantic reads it
from nextmini.algorithms.builtin.equal_cost import EqualCost
from nextmini.algorithms.costs import FASTEST_RATE
from nextmini.algorithms.estimation import natural_demands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.algorithms.graph import Pair
    from nextmini.algorithms.network import Network
    from nextmini.algorithms.rows import Flow, FlowSample, Route


class LargeFlows(EqualCost):
    """Equal-cost multipath, with large flows pinned to paths that have room for them."""

    class Parameters(EqualCost.Parameters):
        """What is large."""

        large: Share = Field(
            default=0.1,
            description="A flow is large once it sends more than this share of its source's fastest link.",
        )

    parameters: Parameters

    def on_flow_metrics(self, network: Network, samples: Sequence[FlowSample]) -> None:
        """Places the flows that are large now."""
        large = [flow for flow in network.flows.values() if self._is_large(network, flow)]
        if not large:
            return
        shares = natural_demands({flow.id: (flow.source, flow.destination) for flow in large})
        reserved: dict[Pair, float] = {}
        # Those that have a place keep it where they can: moving costs what is under way.
        for flow in sorted(large, key=lambda one: (one.pinned is None, one.id)):
            demand = shares[flow.id] * _own_rate(network, flow)
            route = self._first_fit(network, flow, demand, reserved)
            if route is None:
                continue
            network.pin(flow, route)
            for step in network.links_of(route):
                key = (step[0].id, step[1])
                reserved[key] = reserved.get(key, 0.0) + demand

    def _is_large(self, network: Network, flow: Flow) -> bool:
        sample = network.flow_samples.get(flow.id)
        if flow.status != "running" or sample is None:
            return False
        # One that was placed stays large until it ends: its rate says how it fares, not what it would take.
        return flow.pinned is not None or (
            sample.bits_per_second > self.parameters.large * _own_rate(network, flow)
        )

    def _first_fit(
        self, network: Network, flow: Flow, demand: float, reserved: dict[Pair, float]
    ) -> Route | None:
        routes = [
            route for route in network.routes_between(flow.source, flow.destination) if network.works(route)
        ]
        # The route that it takes is tried first.
        for route in sorted(routes, key=lambda one: one.id != (flow.pinned or flow.route)):
            steps = network.links_of(route)
            if all(
                reserved.get((link.id, node), 0.0) + demand
                <= (link.direction(node).rate or FASTEST_RATE) * (1 + 1e-9)
                for link, node in steps
            ):
                return route
        return None


def _own_rate(network: Network, flow: Flow) -> float:
    """The rate of the source's fastest link, in bit/s."""
    links = network.links_at(flow.source)
    return max((link.direction(flow.source).rate or FASTEST_RATE for link in links), default=FASTEST_RATE)
