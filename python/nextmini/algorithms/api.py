"""What an algorithm is: a class with hooks, and parameters that are checked before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.fields import PositiveTime, Rate, Share, Size, Time
from nextmini.scenario.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.algorithms.network import Network
    from nextmini.algorithms.rows import Flow, FlowSample, LinkSample, TopologyChange

__all__ = ["Algorithm", "Parameters", "PositiveTime", "Rate", "Share", "Size", "Time"]


class Algorithm:
    """Decides about a network, in hooks that are called when something has happened.

    A hook gets the network as it is now and changes it (see Network). All changes of a wake-up are written
    as one transaction when its hooks have returned; when one raises, nothing is written, and the algorithm
    is started again or ends, as its user wants. Hooks run one after the other, never at the same time. What
    an algorithm writes itself calls none of them.

    The hooks that a class does not have are not called for nothing: it can be small.
    """

    class Parameters(Table):
        """The parameters of an algorithm: fields with types, defaults and descriptions.

        One that has some has a class of this name inside, derived from this one, and says
        `parameters: Parameters`. Unknown ones are errors, types are not converted, nothing changes later.
        `Rate`, `Size`, `Time`, `PositiveTime` and `Share` are written as in a scenario ("10 Mbit/s") and are
        numbers here: bit/s, bytes, seconds, and a part of 1.
        """

    parameters: Parameters

    def __init__(self, parameters: Parameters | None = None) -> None:
        """Without `parameters`, all are as usual."""
        self.parameters = self.Parameters() if parameters is None else parameters

    @property
    def timer(self) -> float | None:
        """Seconds between two calls of `on_timer`; None: never. A class may also say `timer = 1.0`."""
        return None

    def on_start(self, network: Network) -> None:
        """First of all. What is decided here is in force before the flows of a scenario begin."""

    def on_topology_change(self, network: Network, change: TopologyChange) -> None:
        """Nodes or links came, went, went down, came up, or have other settings."""

    def on_flow_started(self, network: Network, flow: Flow) -> None:
        """A flow has begun."""

    def on_flow_finished(self, network: Network, flow: Flow) -> None:
        """A flow has ended (see its status), or was removed."""

    def on_link_metrics(self, network: Network, samples: Sequence[LinkSample]) -> None:
        """Directions of links were measured; those that did nothing in the interval are not among them."""

    def on_flow_metrics(self, network: Network, samples: Sequence[FlowSample]) -> None:
        """Flows were measured; those that did nothing in the interval are not among them."""

    def on_timer(self, network: Network) -> None:
        """`timer` seconds have passed."""


Parameters = Algorithm.Parameters
