"""A whole scenario, as its user wrote it."""

from typing import Annotated

from pydantic import Strict

from nextmini.scenario.algorithm_table import AlgorithmEntry
from nextmini.scenario.app_table import AppEntry
from nextmini.scenario.class_table import ClassEntry
from nextmini.scenario.demand_table import DemandEntry
from nextmini.scenario.event_table import EventEntry
from nextmini.scenario.max_table import MaxTable
from nextmini.scenario.site_table import SiteEntry
from nextmini.scenario.socks_table import SocksEntry
from nextmini.scenario.table import Table
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
from nextmini.scenario.topology import AnyTopology
from nextmini.scenario.topology.custom import Custom
from nextmini.scenario.trace import TraceEntry


class Scenario(Table):
    """A scenario: every key checked by itself, defaults filled in, nothing generated yet."""

    experiment: ExperimentTable
    network: NetworkTable = NetworkTable()
    topology: AnyTopology = Custom(kind="custom")
    sites: Annotated[tuple[SiteEntry, ...], Strict(False)] = ()
    nodes: Annotated[tuple[NodeEntry, ...], Strict(False)] = ()
    links: Annotated[tuple[LinkEntry, ...], Strict(False)] = ()
    routes: Annotated[tuple[RouteEntry, ...], Strict(False)] = ()
    flows: Annotated[tuple[FlowEntry, ...], Strict(False)] = ()
    demands: Annotated[tuple[DemandEntry, ...], Strict(False)] = ()
    classes: Annotated[tuple[ClassEntry, ...], Strict(False)] = ()
    traces: Annotated[tuple[TraceEntry, ...], Strict(False)] = ()
    events: Annotated[tuple[EventEntry, ...], Strict(False)] = ()
    apps: Annotated[tuple[AppEntry, ...], Strict(False)] = ()
    algorithms: Annotated[tuple[AlgorithmEntry, ...], Strict(False)] = ()
    max: MaxTable = MaxTable()
    socks: Annotated[tuple[SocksEntry, ...], Strict(False)] = ()
    routing: RoutingTable = RoutingTable()
    metrics: MetricsTable = MetricsTable()
    controller: ControllerTable = ControllerTable()
