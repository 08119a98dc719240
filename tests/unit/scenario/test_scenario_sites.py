"""Sites: who is where, what carries links between them, and what cannot be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nextmini.errors import ScenarioError
from nextmini.scenario import Network, dump, loads, resolve
from nextmini.scenario.site_table import members

LAB = {"name": "lab", "nodes": ["n1..n3"], "public": "192.0.2.7", "ports": "7000-7010"}
HOME = {"name": "home", "nodes": ["n4", "n5"], "processes": 2}


def data(*sites: dict[str, Any], **tables: Any) -> str:
    document = {
        "experiment": {"name": "x"},
        "topology": {"kind": "ring", "nodes": 6},
        "nodes": [{"name": "n6", "site": "home"}],
        "sites": list(sites) or [LAB, HOME],
    }
    return json.dumps({**document, **tables})


def network(*sites: dict[str, Any], **tables: Any) -> Network:
    return resolve(loads(data(*sites, **tables), "json"))


def told(*sites: dict[str, Any], **tables: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loads(data(*sites, **tables), "json")
    return [f"{problem.key}: {problem.message}" for problem in caught.value.problems]


def test_nodes_are_spread_over_the_processes_of_their_site() -> None:
    made = network()
    assert [node.process for node in made.nodes] == [0, 0, 0, 1, 1, 2]
    assert made.processes == 3
    assert [(site.name, site.first, site.processes) for site in made.sites] == [
        ("lab", 0, 1),
        ("home", 1, 2),
    ]


def test_links_between_sites_are_encrypted_and_others_as_ever() -> None:
    asked = [{"ends": ["n6", "n1"], "transport": "tls"}]
    carried = {(link.a, link.b): link.transport for link in network(links=asked).links}
    assert carried == {
        (1, 2): "memory",
        (2, 3): "memory",
        (3, 4): "quic",
        (4, 5): "memory",
        (5, 6): "tcp",
        (6, 1): "tls",
    }


def test_a_resolved_scenario_has_the_same_sites() -> None:
    home = {**HOME, "private": "10.0.0.1", "patience": "5 s", "nat": True}
    made = network(LAB, home, controller={"listen": "127.0.0.1:7700", "public": "lab.example:80"})
    again = resolve(loads(dump(made)))
    assert again == made
    assert (again.public, again.sites[1].patience) == ("lab.example:80", 5.0)


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("n2..n4", ["n2", "n3", "n4"]),
        ("7..8", ["7", "8"]),
        ("n4..n2", None),
        ("a1..b2", None),
        ("n1..n99999999", None),
        ("n1", None),
    ],
)
def test_a_range_stands_for_names(entry: str, names: list[str] | None) -> None:
    assert members(entry) == names


def test_a_node_whose_name_looks_like_a_range_is_that_node() -> None:
    made = network(
        {"name": "lab", "nodes": ["a1..a2", "b"]},
        topology={"kind": "custom", "nodes": ["a1..a2", "b"]},
        nodes=[],
        links=[{"ends": ["a1..a2", "b"]}],
    )
    assert [node.process for node in made.nodes] == [0, 0]


@pytest.mark.parametrize(
    ("sites", "problem"),
    [
        ([{**LAB, "nodes": ["n1..n4"]}, HOME], 'sites[1].nodes[0]: "n4" is at the site "lab" too'),
        ([{**LAB, "nodes": ["n1", "n2"]}, HOME], "sites: n3 is at no site"),
        ([{**LAB, "nodes": ["n1..n9"]}, HOME], 'sites[0].nodes[0]: there is no node "n7"'),
        ([LAB, HOME, {"name": "far"}], "sites[2]: no node is at this site"),
        ([LAB, {**HOME, "processes": 4}], "sites[1].processes: 4 processes cannot share 3 nodes"),
        ([LAB, {**HOME, "ports": "80"}], "sites[1].ports: 2 processes have no room in 1 ports"),
        ([LAB, HOME, {**LAB, "nodes": []}], 'sites[2].name: "lab" is also the name of sites[0]'),
        ([{**LAB, "nat": True}, HOME], "sites[0].nat: others reach it at its `public` address"),
        ([LAB, {**HOME, "nat": False}], "sites[1].nat: who is not behind NAT has an address"),
        ([{**LAB, "public": "0.0.0.0"}, HOME], 'sites[0].public: "0.0.0.0" is no address that anybody'),
        ([{**LAB, "public": "lab"}, HOME], 'sites[0].public: "lab" is not an IP address'),
        ([{**LAB, "ports": "9-7"}, HOME], 'sites[0].ports: "9-7" is not a range of ports'),
        (
            [{"name": "lab", "nodes": ["n1..n3"]}, HOME],
            'sites: neither of "home" and "lab" has an address that the other reaches, and the link from',
        ),
    ],
)
def test_what_cannot_be_is_told_once(sites: list[dict[str, Any]], problem: str) -> None:
    found = [one for one in told(*sites) if one.startswith(problem)]
    assert len(found) == 1, told(*sites)


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ({"nodes": [{"name": "n6", "site": "hmoe"}]}, 'nodes[0].site: there is no site "hmoe"'),
        ({"experiment": {"name": "x", "processes": 2}}, "experiment.processes: with [[sites]], each"),
        ({"network": {"isolation": "namespace"}}, "network.isolation: namespaces of nodes are made on"),
        (
            {"network": {"transport": "tcp"}},
            'network.transport: the link from "n3" to "n4": what it carries over TCP between two sites',
        ),
        (
            {"links": [{"ends": ["n1", "n6"], "transport": "memory"}]},
            'links[0].transport: the link from "n6" to "n1": memory does not reach from one site to another',
        ),
        (
            {"flows": [{"source": "n1", "destination": "n5", "size": "1 B", "mode": "max"}]},
            'flows[0].mode: the way from "n1" to "n5" may be over the link',
        ),
        ({"controller": {"public": "no host"}}, 'controller.public: "no host" is not a host'),
    ],
)
def test_what_sites_rule_out_is_told_where_it_stands(tables: dict[str, Any], problem: str) -> None:
    found = told(**tables)
    assert [one for one in found if not one.startswith(problem)] == [], found


def test_without_sites_nobody_is_at_one() -> None:
    with pytest.raises(ScenarioError, match=r"nodes\[0\]\.site: there are no sites"):
        loads(json.dumps({**json.loads(data()), "sites": []}), "json")
