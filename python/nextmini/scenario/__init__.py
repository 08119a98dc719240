"""The scenario file: typed models, units, topologies, and the network that they make. Pure."""

from __future__ import annotations

from nextmini.scenario.arrival import Arrival
from nextmini.scenario.direction import Direction
from nextmini.scenario.dump import dump
from nextmini.scenario.loading import load, loads, resolve
from nextmini.scenario.model import Scenario
from nextmini.scenario.network import (
    App,
    Class,
    Demand,
    Event,
    Flow,
    Link,
    Network,
    Node,
    Route,
    Socks,
    Trace,
)
from nextmini.scenario.schema import json_schema

__all__ = [
    "App",
    "Arrival",
    "Class",
    "Demand",
    "Direction",
    "Event",
    "Flow",
    "Link",
    "Network",
    "Node",
    "Route",
    "Scenario",
    "Socks",
    "Trace",
    "dump",
    "json_schema",
    "load",
    "loads",
    "resolve",
]
