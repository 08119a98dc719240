"""From a scenario to its network: nodes, links, routes and flows, with their numbers.

Pure: the same scenario gives the same network. Every step says what is wrong instead of stopping at
it, so that all of it can be told at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.expansion.algorithms import expand_algorithms
from nextmini.scenario.expansion.apps import expand_apps
from nextmini.scenario.expansion.classes import expand_classes
from nextmini.scenario.expansion.controller import expand_tls
from nextmini.scenario.expansion.demand_checks import DemandGround
from nextmini.scenario.expansion.demands import expand_demands
from nextmini.scenario.expansion.events import expand_events
from nextmini.scenario.expansion.flows import expand_flows
from nextmini.scenario.expansion.links import expand_links
from nextmini.scenario.expansion.nodes import expand_nodes, processes_of
from nextmini.scenario.expansion.routes import expand_routes
from nextmini.scenario.expansion.routing import expand_routing
from nextmini.scenario.expansion.socks import expand_socks
from nextmini.scenario.expansion.traces import TraceBook
from nextmini.scenario.expansion.transparent import check_transparent
from nextmini.scenario.expansion.ways import Ways
from nextmini.scenario.expansion.weights import check_weights
from nextmini.scenario.findings import Finding
from nextmini.scenario.network import Network

if TYPE_CHECKING:
    from nextmini.scenario.model import Scenario

NOTHING: frozenset[str] = frozenset()


def expand(scenario: Scenario, doubtful: frozenset[str] = NOTHING) -> tuple[Network | None, list[Finding]]:
    """The network of `scenario`, or None and everything that keeps it from being one.

    `doubtful` has "nodes", "links" or other lists of which some could not be understood: that something
    of these is not there then counts for nothing.
    """
    refused = [
        Finding(("topology", key), message, remedy, place)
        for key, message, remedy, place in scenario.topology.refusals()
    ]
    if refused:
        return None, refused
    findings: list[Finding] = []
    shape = scenario.topology.shape(scenario.experiment.seed)
    cast = expand_nodes(scenario, shape, "nodes" not in doubtful, "sites" not in doubtful, findings)
    if not cast.nodes:
        return None, findings
    book = TraceBook(scenario, "traces" not in doubtful, findings)
    web = expand_links(scenario, shape, cast, book, "links" not in doubtful, findings)
    routes = expand_routes(scenario, cast, web, findings)
    hosts = [host + 1 for host in shape.hosts] or [node.id for node in cast.nodes]
    ways = Ways(cast, web, routes)
    flow_book = expand_flows(scenario, hosts, cast, web, routes, ways, findings)
    ground = DemandGround(scenario, cast, hosts, ways, findings)
    flows, demands = expand_demands(ground, flow_book, "demands" not in doubtful, "flows" not in doubtful)
    classes = expand_classes(scenario, cast, findings)
    events = expand_events(scenario, cast, web, book, findings)
    apps = expand_apps(scenario, cast, "apps" not in doubtful, findings)
    algorithms = expand_algorithms(scenario, "algorithms" not in doubtful, findings)
    tls = expand_tls(scenario, findings)
    routing = expand_routing(scenario, len(cast.nodes), findings)
    nodes = expand_socks(scenario, cast, web, "socks" not in doubtful, findings)
    check_transparent(scenario, cast, web, doubtful.isdisjoint(("nodes", "max")), findings)
    if doubtful.isdisjoint(("flows", "classes")):
        check_weights(scenario, findings)
    if findings:
        return None, findings
    experiment, network = scenario.experiment, scenario.network
    return Network(
        name=experiment.name,
        seed=experiment.seed,
        duration=experiment.duration,
        interval=experiment.interval,
        processes=processes_of(scenario, len(cast.nodes)),
        on_process_death=experiment.on_process_death,
        keep=scenario.metrics.keep,
        listen=scenario.controller.listen,
        nodes=nodes,
        links=web.links,
        routes=routes,
        flows=flows,
        prefix=network.prefix,
        prefix6=network.prefix6,
        isolation=network.isolation,
        mtu=network.mtu,
        classes=classes,
        traces=book.traces(),
        events=events,
        apps=apps,
        demands=demands,
        algorithms=algorithms,
        timing=network.timing,
        ttl=network.ttl,
        queues=network.queues,
        offload=network.offload,
        pipe=scenario.max.pipe,
        routing=routing,
        sites=cast.sites,
        public=scenario.controller.public,
        tls=tls,
        transparent=scenario.max.transparent,
        transparent_ports=scenario.max.ports if scenario.max.transparent else None,
    ), []
