"""Algorithms: classes with hooks that look at the network and change it. See docs/algorithms.md.

They need no database to be tested: `nextmini.algorithms.testing` has networks for that.
"""

from __future__ import annotations

from nextmini.algorithms.api import Algorithm, Parameters, PositiveTime, Rate, Share, Size, Time
from nextmini.algorithms.network import Network
from nextmini.algorithms.rows import (
    Direction,
    Flow,
    FlowSample,
    Link,
    LinkSample,
    Node,
    Route,
    TopologyChange,
)
from nextmini.errors import DecisionError

__all__ = [
    "Algorithm",
    "DecisionError",
    "Direction",
    "Flow",
    "FlowSample",
    "Link",
    "LinkSample",
    "Network",
    "Node",
    "Parameters",
    "PositiveTime",
    "Rate",
    "Route",
    "Share",
    "Size",
    "Time",
    "TopologyChange",
]
