"""A network as a scenario: TOML in which nothing is left to be generated, filled in or drawn."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nextmini.scenario.loading import resolve
from nextmini.scenario.model import Scenario
from nextmini.scenario.network import site_of
from nextmini.scenario.site_table import Ports
from nextmini.scenario.trace import format_points
from nextmini.scenario.units import format_rate, format_size, format_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nextmini.scenario.direction import Direction
    from nextmini.scenario.network import Flow, Limits, Link, Network, Node, Socks


def dump(scenario: Scenario | Network) -> str:
    """The resolved scenario as TOML.

    Loading and resolving it gives the same network again, without the routes that a run has computed.
    """
    network = resolve(scenario) if isinstance(scenario, Scenario) else scenario
    sections = [_settings(network), *_sites(network), *_nodes(network), *_traces(network), *_links(network)]
    sections += [*_routes(network), *_flows(network), *_demands(network), *_classes(network)]
    sections += [*_events(network), *_apps(network), *_algorithms(network), *_socks(network)]
    return "\n\n".join(sections) + "\n"


def _table(header: str, pairs: Mapping[str, object]) -> str:
    lines = [f"{key} = {_value(value)}" for key, value in pairs.items() if value is not None]
    return "\n".join([header, *lines])


def _value(value: object) -> str:
    """A value on one line; text is quoted as JSON does it, which TOML reads the same, apart from DEL."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _settings(network: Network) -> str:
    experiment = {
        "name": network.name,
        "seed": network.seed,
        "duration": None if network.duration is None else format_time(network.duration),
        "processes": None if network.isolation == "process" or network.sites else network.processes,
        "interval": format_time(network.interval),
        "on_process_death": network.on_process_death,
    }
    shared = {
        "prefix": network.prefix,
        "prefix6": network.prefix6,
        "isolation": network.isolation,
        "mtu": network.mtu,
        "mapping": network.nodes[0].mapping,
        "hop_limit": network.nodes[0].hop_limit,
        "timing": network.timing,
        "ttl": network.ttl,
        "queues": network.queues,
        "offload": network.offload,
    }
    return "\n\n".join(
        [
            _table("[experiment]", experiment),
            _table("[network]", shared),
            _table("[max]", _max_mode(network)),
            _table("[topology]", {"kind": "custom"}),
            _table("[routing]", asdict(network.routing)),
            _table("[metrics]", {"keep": format_time(network.keep)}),
            _table("[controller]", _controller(network)),
        ]
    )


def _controller(network: Network) -> dict[str, object]:
    return {"listen": network.listen, "public": network.public, "tls": network.tls}


def _sites(network: Network) -> Iterator[str]:
    """Nodes say where they are."""
    for site in network.sites:
        pairs = {
            "name": site.name,
            "processes": site.processes,
            "public": site.public,
            "private": site.private,
            "ports": None if site.ports is None else str(Ports(*site.ports)),
            "patience": format_time(site.patience),
        }
        yield _table("[[sites]]", pairs)


def _nodes(network: Network) -> Iterator[str]:
    for node in network.nodes:
        site = site_of(node.process, network.sites)
        pairs = {
            "name": node.name,
            "site": site and site.name,
            "address": node.address,
            "processors": node.processors,
            "max": _max_of_node(network, node),
            "limits": _limits(node.limits),
        }
        yield _table("[[nodes]]", pairs)


def _limits(limits: Limits) -> dict[str, object] | None:
    memory = None if limits.memory is None else format_size(limits.memory)
    said: dict[str, object] = {"cpu": limits.cpu, "memory": memory}
    return {key: value for key, value in said.items() if value is not None} or None


def _max_mode(network: Network) -> dict[str, object]:
    return {
        "transparent": network.transparent,
        "ports": network.transparent_ports and list(network.transparent_ports),
        "pipe": format_size(network.pipe),
    }


def _max_of_node(network: Network, node: Node) -> dict[str, object] | None:
    """What is other than in the network as a whole."""
    transparent = node.transparent is not None
    said: dict[str, object] = {}
    if transparent != network.transparent:
        said["transparent"] = transparent
    if node.transparent_ports is not None and node.transparent_ports != network.transparent_ports:
        said["ports"] = list(node.transparent_ports)
    return said or None


def _traces(network: Network) -> Iterator[str]:
    for trace in network.traces:
        pairs: dict[str, object] = {
            "name": trace.name,
            trace.kind: format_points(trace.points, trace.kind),
        }
        if trace.kind == "rates" and trace.period:
            pairs["period"] = format_time(trace.period)
        yield _table("[[traces]]", pairs)


def _links(network: Network) -> Iterator[str]:
    # Most links of a network are alike.
    known: dict[tuple[Direction, Direction], dict[str, object]] = {}
    for link in network.links:
        ways = (link.forward, link.backward)
        if ways not in known:
            known[ways] = _directions(network, link)
        pairs = {
            "ends": [network.node(link.a).name, network.node(link.b).name],
            "transport": link.transport,
            "cost": link.cost,
            "congestion": link.congestion,
            "datagrams": link.datagrams or None,
        }
        yield _table("[[links]]", pairs | known[ways])


def _directions(network: Network, link: Link) -> dict[str, object]:
    """What both directions have in common stands for both."""
    forward = _named(network, link.forward.texts())
    if link.forward == link.backward:
        return forward
    backward = _named(network, link.backward.texts())
    return {key: texts for key, texts in (("forward", forward), ("backward", backward)) if texts}


def _named(network: Network, texts: Mapping[str, Any]) -> dict[str, object]:
    """The texts with the name of their trace instead of its number."""
    if texts.get("trace") is None:
        return dict(texts)
    return {**texts, "trace": network.traces[texts["trace"] - 1].name}


def _routes(network: Network) -> Iterator[str]:
    for route in network.routes:
        if route.origin == "scenario":
            path = [network.node(id).name for id in route.path]
            yield _table("[[routes]]", {"path": path, "weight": route.weight, "both": False})


def _flows(network: Network) -> Iterator[str]:
    members = {id: demand.name for demand in network.demands for id in demand.flows}
    for flow in network.flows:
        yield _table("[[flows]]", _flow(network, flow) | {"demand": members.get(flow.id)})


def _demands(network: Network) -> Iterator[str]:
    """Their flows are there already."""
    for demand in network.demands:
        pairs = {
            "name": demand.name,
            "model": "listed",
            "start": format_time(demand.start),
            "duration": None if demand.duration is None else format_time(demand.duration),
        }
        yield _table("[[demands]]", pairs)


def _flow(network: Network, flow: Flow) -> dict[str, object]:
    texts: dict[str, object] = {
        "name": flow.name,
        "source": network.node(flow.source).name,
        "destination": network.node(flow.destination).name,
        "kind": flow.kind,
        "mode": flow.mode,
        "size": None if flow.size is None else format_size(flow.size),
        "duration": None if flow.duration is None else format_time(flow.duration),
        "rate": None if flow.rate is None else format_rate(flow.rate),
        "weight": None if flow.kind == "tcp" else flow.weight,
        "start": format_time(flow.start),
        "congestion": flow.congestion,
        "family": flow.family,
    }
    if flow.packets:
        texts |= {"packet_size": flow.packet_size, "arrival": flow.arrival.texts()}
    return texts | {"ecn": flow.ecn} if flow.kind == "udp" else texts


def _classes(network: Network) -> Iterator[str]:
    for one in network.classes:
        match = {
            "source": None if one.source is None else network.node(one.source).name,
            "destination": None if one.destination is None else network.node(one.destination).name,
            "protocol": one.protocol,
            "port": one.port,
        }
        pairs: dict[str, object] = {
            "match": {key: value for key, value in match.items() if value is not None},
            "rate": None if one.rate is None else format_rate(one.rate),
            "weight": one.weight,
        }
        yield _table("[[classes]]", pairs)


def _events(network: Network) -> Iterator[str]:
    for event in network.events:
        action = dict(event.action)
        if "set" in action:
            action["set"] = _named(network, action["set"])
        yield _table("[[events]]", {"at": format_time(event.at), **action})


def _apps(network: Network) -> Iterator[str]:
    for app in network.apps:
        pairs = {
            "node": network.node(app.node).name,
            "name": app.name,
            "command": app.command if isinstance(app.command, str) else list(app.command),
            "ready": None if app.ready is None else str(app.ready),
            "ready_within": None if app.ready is None else format_time(app.ready_within),
            "start": format_time(app.start),
            "expect_exit": None if app.background else app.expect_exit,
            "env": dict(app.env) or None,
            "cwd": app.cwd,
            "background": app.background,
        }
        yield _table("[[apps]]", pairs)


def _algorithms(network: Network) -> Iterator[str]:
    for one in network.algorithms:
        pairs = {
            "use": one.use,
            "name": one.name,
            "parameters": one.said() or None,
            "on_failure": one.on_failure,
            "timeout": format_time(one.timeout),
        }
        yield _table("[[algorithms]]", pairs)


def _socks(network: Network) -> Iterator[str]:
    for node in network.nodes:
        for entrance in node.socks:
            yield _table("[[socks]]", {"node": node.name, **_entrance(network, entrance)})


def _entrance(network: Network, entrance: Socks) -> dict[str, object]:
    return {
        "listen": entrance.listen,
        "mode": entrance.mode,
        "exit": None if entrance.exit is None else network.node(entrance.exit).name,
        "users": entrance.users_file,
        "connections": entrance.connections,
    }
