"""Sites of a scenario whose processes are in containers of one cluster. Pure.

There they reach each other in the cluster's own network, so a site is a place for containers and nothing
more: how others reach it from outside (`public`, `private`, `ports`, `nat`) does not matter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nextmini.errors import Problem, ScenarioError
from nextmini.scenario import resolve
from nextmini.scenario.network import site_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.deploy.deployment import Deployment, Service
    from nextmini.scenario import Scenario


def without_sites(scenario: Scenario) -> tuple[Scenario, dict[str, str]]:
    """The scenario as if all of its nodes were at one place, and the site of each by its name."""
    if not scenario.sites:
        return scenario, {}
    network = resolve(scenario)
    found = {node.name: site_of(node.process, network.sites) for node in network.nodes}
    nodes = tuple(node.model_copy(update={"site": None}) for node in scenario.nodes)
    plain = scenario.model_copy(update={"sites": (), "nodes": nodes})
    return plain, {name: site.name for name, site in found.items() if site is not None}


def with_sites(deployment: Deployment, sites: Mapping[str, str]) -> Deployment:
    """The deployment, each of whose dataplane processes is at the site of its nodes.

    Raises ScenarioError if nodes of different sites share a container.
    """
    if not sites:
        return deployment
    return replace(deployment, services=tuple(_at_site(one, sites) for one in deployment.services))


def _at_site(one: Service, sites: Mapping[str, str]) -> Service:
    if not one.nodes:
        return one
    first = one.nodes[0]
    for node in one.nodes:
        if sites[node] != sites[first]:
            message = f"nodes {first} and {node} would share a container, and are at different sites"
            remedy = "give each container fewer nodes, or list those of a site one after another"
            raise ScenarioError([Problem("command line", None, "--nodes-per-container", message, remedy)])
    return replace(one, site=sites[first])
