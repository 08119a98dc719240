"""Sites of a scenario in a cluster."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import PurePosixPath

import pytest

from nextmini.deploy.cluster import cluster_plan
from nextmini.deploy.kubernetes.documents import Cluster, manifests
from nextmini.deploy.planning import SCENARIO_FILE, Wishes
from nextmini.deploy.swarm import Placement, stack
from nextmini.errors import ScenarioError
from nextmini.scenario import loads, resolve

SITES = """
[experiment]
name = "two"
[controller]
listen = "0.0.0.0:7700"
[topology]
kind = "line"
nodes = 4
[[sites]]
name = "lab"
nodes = ["n1", "n2"]
public = "192.0.2.7"
[[sites]]
name = "cloud"
nodes = ["n3", "n4"]
ports = "7000-7010"
"""
WISHES = Wishes("nextmini:1")


@pytest.mark.parametrize(
    ("per_container", "sites"), [(1, ["lab", "lab", "cloud", "cloud"]), (2, ["lab", "cloud"])]
)
def test_processes_are_at_the_sites_of_their_nodes(per_container: int, sites: list[str]) -> None:
    plan = cluster_plan(loads(SITES), None, WISHES, per_container)
    assert [one.site for one in plan.deployment.dataplanes] == sites
    assert plan.deployment.controller.site is None


def test_inside_of_the_cluster_there_is_one_place() -> None:
    plan = cluster_plan(loads(SITES), None, WISHES, 1)
    inside = resolve(loads(plan.deployment.files[SCENARIO_FILE]))
    assert inside.sites == ()
    assert [node.process for node in inside.nodes] == [0, 1, 2, 3]
    assert {link.transport for link in inside.links} == {"tcp"}
    assert ip_network(inside.prefix) == ip_network(plan.network.prefix)


def test_documents_say_where_processes_go() -> None:
    plan = cluster_plan(loads(SITES), None, WISHES, 2)
    services = stack(plan.deployment, plan.network, Placement(PurePosixPath("/x")))["services"]
    placed = services["dataplane-1"]["deploy"]["placement"]
    assert placed == {"constraints": ["node.labels.nextmini.site == cloud"]}
    jobs = [one for one in manifests(plan.deployment, Cluster(site_label="zone")) if one["kind"] == "Job"]
    selectors = [one["spec"]["template"]["spec"].get("nodeSelector") for one in jobs]
    assert selectors == [None, {"zone": "lab"}, {"zone": "cloud"}]


def test_nodes_of_different_sites_do_not_share_a_container() -> None:
    with pytest.raises(ScenarioError, match=r"--nodes-per-container: nodes n1 and n3 would share"):
        cluster_plan(loads(SITES), None, WISHES, 4)


def test_a_scenario_without_sites_is_as_it_was() -> None:
    text = SITES.partition("[[sites]]")[0]
    plan = cluster_plan(loads(text), None, WISHES, 1)
    assert {one.site for one in plan.deployment.services} == {None}
