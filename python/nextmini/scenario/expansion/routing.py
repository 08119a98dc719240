"""How routes are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.findings import Finding
from nextmini.scenario.network import MOST_PATHS_AHEAD, MOST_TREES, Routing

if TYPE_CHECKING:
    from nextmini.scenario.model import Scenario


def expand_routing(scenario: Scenario, nodes: int, findings: list[Finding]) -> Routing:
    """What the scenario says of it, for so many nodes."""
    table = scenario.routing
    fast = table.reroute == "fast"
    most = MOST_PATHS_AHEAD if fast else MOST_TREES
    if table.mode == "proactive" and nodes > most:
        with_what = ' with reroute = "fast"' if fast else ""
        findings.append(
            Finding(
                ("routing", "mode"),
                f'"proactive"{with_what} is for {most} nodes at most, and there are {nodes}',
                'write "auto", which computes the routes of flows before they begin',
            )
        )
    return Routing(table.reroute, table.metric, table.mode)
