"""Max-min fair rates for all flows that are under way, by water-filling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from nextmini.algorithms.api import Algorithm, Rate, Share
from nextmini.algorithms.water_filling import Claim, max_min_rates
from nextmini.scenario.network import PACKET_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nextmini.algorithms.graph import Pair
    from nextmini.algorithms.network import Network
    from nextmini.algorithms.rows import Flow, FlowSample, TopologyChange

NOTICEABLE = 1e-3
"""A rate that is to change by less than this share stays."""


class MaxMin(Algorithm):
    """Gives every flow its max-min fair rate over the path that it takes.

    Flows of programs, which are no rows, have no share. A flow over links without a rate has no bound.
    """

    class Parameters(Algorithm.Parameters):
        """What flows may use."""

        headers: Share = Field(
            default=40 / 1500,
            description="The share of a link's rate that packets' headers take: rates of flows are of data. "
            "40 bytes of 1,500, unless said otherwise.",
        )
        limits: dict[str, Rate] = Field(
            default={}, description="The most that flows can use, by name; the others take what they get."
        )

    parameters: Parameters

    def on_start(self, network: Network) -> None:
        """Shares out what there is."""
        self._share_out(network)

    def on_flow_started(self, network: Network, flow: Flow) -> None:
        """Shares out anew."""
        self._share_out(network)

    def on_flow_finished(self, network: Network, flow: Flow) -> None:
        """Shares out anew."""
        self._share_out(network)

    def on_topology_change(self, network: Network, change: TopologyChange) -> None:
        """Shares out anew."""
        self._share_out(network)

    def on_flow_metrics(self, network: Network, samples: Sequence[FlowSample]) -> None:
        """Shares out anew: flows may have taken other routes."""
        self._share_out(network)

    def _share_out(self, network: Network) -> None:
        claims = {
            flow.id: self._claim(network, flow) for flow in network.flows.values() if flow.status == "running"
        }
        for id, rate in max_min_rates(self._capacities(network), claims).items():
            before = network.flows[id].rate
            if rate is not None and rate < 1:
                continue  # on a path without any capacity left: its own route has to change
            if rate is None and network.flows[id].kind in PACKET_KINDS:
                continue  # without a bound they would have to have one all the same
            if rate is None or before is None or abs(rate - before) > NOTICEABLE * before:
                network.set_rate(id, rate)

    def _claim(self, network: Network, flow: Flow) -> Claim[Pair]:
        """By (link, sending node)."""
        route = network.routes.get(flow.pinned or flow.route or 0)
        links = () if route is None else network.links_of(route)
        limit = self.parameters.limits.get(flow.name)
        return Claim([(link.id, node) for link, node in links], flow.weight, limit)

    def _capacities(self, network: Network) -> Mapping[Pair, float]:
        """For data, in bit/s, of each direction that has a rate."""
        share = 1 - self.parameters.headers
        ways = (
            (link, node, link.direction(node).rate)
            for link in network.links.values()
            for node in (link.a, link.b)
        )
        return {(link.id, node): rate * share for link, node, rate in ways if rate is not None}
