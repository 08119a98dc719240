"""The scenario file: typed models, units, topologies, and the network that they make. Pure."""

from __future__ import annotations

from nextmini.scenario.dump import dump
from nextmini.scenario.loading import load, loads, resolve
from nextmini.scenario.model import Scenario
from nextmini.scenario.network import Flow, Link, Network, Node, Route
from nextmini.scenario.schema import json_schema

__all__ = [
    "Flow",
    "Link",
    "Network",
    "Node",
    "Route",
    "Scenario",
    "dump",
    "json_schema",
    "load",
    "loads",
    "resolve",
]
