"""How routes are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.findings import Finding
from nextmini.scenario.network import MOST_PROACTIVE, Routing

if TYPE_CHECKING:
    from nextmini.scenario.model import Scenario


def expand_routing(scenario: Scenario, nodes: int, findings: list[Finding]) -> Routing:
    """What the scenario says of it, for so many nodes."""
    table = scenario.routing
    if table.mode == "proactive" and nodes > MOST_PROACTIVE:
        findings.append(
            Finding(
                ("routing", "mode"),
                f'"proactive" is for {MOST_PROACTIVE} nodes at most, and there are {nodes}',
                'write "auto", which computes the routes of flows before they begin',
            )
        )
    return Routing(table.reroute, table.metric, table.mode)
