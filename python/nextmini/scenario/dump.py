"""A network as a scenario: TOML in which nothing is left to be generated, filled in or drawn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nextmini.scenario.loading import resolve
from nextmini.scenario.model import Scenario
from nextmini.scenario.units import format_rate, format_size, format_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.scenario.network import Flow, Network


def dump(scenario: Scenario | Network) -> str:
    """The resolved scenario as TOML.

    Loading and resolving it gives the same network again, without the routes that a run has computed.
    """
    network = resolve(scenario) if isinstance(scenario, Scenario) else scenario
    sections = [_settings(network), *_nodes(network), *_links(network), *_routes(network), *_flows(network)]
    return "\n\n".join(sections) + "\n"


def _table(header: str, pairs: dict[str, object]) -> str:
    """A table; text is quoted as JSON does it, which TOML reads the same."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in pairs.items() if value is not None]
    return "\n".join([header, *lines])


def _settings(network: Network) -> str:
    experiment = {
        "name": network.name,
        "seed": network.seed,
        "duration": None if network.duration is None else format_time(network.duration),
        "processes": network.processes,
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
    }
    return "\n\n".join(
        [
            _table("[experiment]", experiment),
            _table("[network]", shared),
            _table("[topology]", {"kind": "custom"}),
            _table("[metrics]", {"keep": format_time(network.keep)}),
            _table("[controller]", {"listen": network.listen}),
        ]
    )


def _nodes(network: Network) -> Iterator[str]:
    for node in network.nodes:
        pairs = {"name": node.name, "address": node.address, "processors": node.processors}
        yield _table("[[nodes]]", pairs)


def _links(network: Network) -> Iterator[str]:
    for link in network.links:
        pairs = {
            "ends": [network.node(link.a).name, network.node(link.b).name],
            "transport": link.transport,
            "cost": link.cost,
            "congestion": link.congestion,
        }
        yield _table("[[links]]", pairs)


def _routes(network: Network) -> Iterator[str]:
    for route in network.routes:
        if route.origin == "scenario":
            path = [network.node(id).name for id in route.path]
            yield _table("[[routes]]", {"path": path, "weight": route.weight, "both": False})


def _flows(network: Network) -> Iterator[str]:
    for flow in network.flows:
        yield _table("[[flows]]", _flow(network, flow))


def _flow(network: Network, flow: Flow) -> dict[str, object]:
    return {
        "name": flow.name,
        "source": network.node(flow.source).name,
        "destination": network.node(flow.destination).name,
        "kind": flow.kind,
        "mode": flow.mode,
        "size": None if flow.size is None else format_size(flow.size),
        "duration": None if flow.duration is None else format_time(flow.duration),
        "rate": None if flow.rate is None else format_rate(flow.rate),
        "weight": flow.weight,
        "start": format_time(flow.start),
    }
