"""A flow that is added while an experiment runs: found possible, or refused in the words of a scenario."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nextmini.errors import Problem, ScenarioError
from nextmini.live.choice import LiveError
from nextmini.live.session import find_node
from nextmini.scenario.expansion import expand
from nextmini.scenario.findings import Finding, key_text
from nextmini.scenario.understanding import understand

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nextmini.scenario import Flow, Node
    from nextmini.store import Desired

_USUAL_MTU = 1500
_LONG = "100000 h"


def new_flow(desired: Desired, said: Mapping[str, Any]) -> Flow:
    """The flow that is meant by the keys of an entry of [[flows]], for `Store.add_flows`.

    Without a name it gets one. Raises LiveError, or ScenarioError with everything that is wrong with it.
    """
    source, destination = find_node(desired, said["source"]), find_node(desired, said["destination"])
    taken = {flow.name for flow in desired.flows.values()}
    name = said.get("name")
    if name in taken:
        raise LiveError(f"there is a flow {name!r} already", "give this one another name")
    entry = {key: value for key, value in said.items() if value is not None}
    entry["name"] = name or next(free for free in _numbered() if free not in taken)
    flow = _understood(_stage(desired, entry))
    if flow.family == "ipv6":
        _have_ipv6(source, destination)
    return replace(flow, source=source.id, destination=destination.id)


def _have_ipv6(*nodes: Node) -> None:
    for node in nodes:
        if node.address6 is None:
            raise LiveError(
                f"node {node.name} has no IPv6 address", "leave the family out: IPv4 is the usual one"
            )


def _numbered() -> Iterable[str]:
    number = 1
    while True:
        yield f"flow-{number}"
        number += 1


def _stage(desired: Desired, entry: dict[str, Any]) -> dict[str, Any]:
    """The smallest scenario that has the flow: it is to be what it would be in one.

    Whether its nodes are joined is for the controller to find, who knows how they are at the time.
    """
    ends = list(dict.fromkeys((entry["source"], entry["destination"])))
    experiment: dict[str, Any] = {"name": "stage"}
    if "size" not in entry and "duration" not in entry:
        experiment["duration"] = _LONG  # as long as the experiment, whenever that ends
    mtu = min((link.mtu for link in desired.links.values()), default=_USUAL_MTU)
    return {
        "experiment": experiment,
        "network": {"mtu": mtu},
        "topology": {"kind": "custom", "nodes": ends},
        "links": [{"ends": ends}] if len(ends) == 2 else [],
        "flows": [entry],
    }


def _understood(data: dict[str, Any]) -> Flow:
    scenario, findings = understand(data)
    network = None
    if scenario is not None:
        network, findings = expand(scenario)
    if network is None:
        raise ScenarioError([_problem(finding) for finding in dict.fromkeys(findings)])
    return network.flows[0]


def _problem(finding: Finding) -> Problem:
    path = finding.path[2:] if finding.path[:1] == ("flows",) else finding.path
    key = key_text(path) if path else "flow"
    if path and path[0] not in ("source", "destination"):
        key = f"--{key.replace('_', '-')}"
    return Problem("command line", None, key, finding.message, finding.remedy)
