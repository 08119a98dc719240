"""The tables of a scenario by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.algorithm_table import AlgorithmEntry
from nextmini.scenario.app_table import AppEntry
from nextmini.scenario.class_table import ClassEntry
from nextmini.scenario.demand_table import DemandEntry
from nextmini.scenario.event_table import EventEntry
from nextmini.scenario.max_table import MaxTable
from nextmini.scenario.model import Scenario
from nextmini.scenario.site_table import SiteEntry
from nextmini.scenario.socks_table import SocksEntry
from nextmini.scenario.tables import (
    ControllerTable,
    ExperimentTable,
    FlowEntry,
    LinkEntry,
    MetricsTable,
    NetworkTable,
    NodeEntry,
    RouteEntry,
    RoutingTable,
)
from nextmini.scenario.trace import TraceEntry

if TYPE_CHECKING:
    from nextmini.scenario.findings import Path
    from nextmini.scenario.table import Table

LISTS: dict[str, type[Table]] = {
    "sites": SiteEntry,
    "nodes": NodeEntry,
    "links": LinkEntry,
    "routes": RouteEntry,
    "flows": FlowEntry,
    "demands": DemandEntry,
    "classes": ClassEntry,
    "traces": TraceEntry,
    "events": EventEntry,
    "apps": AppEntry,
    "algorithms": AlgorithmEntry,
    "socks": SocksEntry,
}
TABLES: dict[str, type[Table]] = {
    "": Scenario,
    "experiment": ExperimentTable,
    "network": NetworkTable,
    **LISTS,
    "max": MaxTable,
    "routing": RoutingTable,
    "metrics": MetricsTable,
    "controller": ControllerTable,
}
SYNONYMS = {
    **dict.fromkeys(("bandwidth", "bw", "capacity", "throughput"), "rate"),
    **dict.fromkeys(("latency", "lat"), "delay"),
    **dict.fromkeys(("limit", "buffer", "max_queue_size"), "queue"),
    **dict.fromkeys(("qdisc", "scheduler"), "discipline"),
    **dict.fromkeys(("aqm", "policy"), "drop"),
}
"""What other emulators and tc(8) call keys of links."""


def header(table: str) -> str:
    """How a table begins in TOML: `[network]`, or `[[links]]` if there may be many."""
    if not table:
        return "the top level"
    return f"[[{table}]]" if table in LISTS else f"[{table}]"


def table_name(path: Path) -> str:
    """The name of the table at `path`: "links" for ("links", 0), and for a topology's links too."""
    if path[:2] == ("topology", "link"):
        return "links"
    return str(path[0]) if path else ""
