"""Stacks: what is in them, and where it goes."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from nextmini.deploy.any_order import in_any_order
from nextmini.deploy.planning import Wishes, plan
from nextmini.deploy.spreading import spread
from nextmini.deploy.swarm import MOST_CONFIG, Placement, stack
from nextmini.deploy.yaml_text import yaml_text
from nextmini.errors import ScenarioError
from nextmini.scenario import loads

if TYPE_CHECKING:
    from nextmini.deploy.deployment import Deployment
    from nextmini.scenario import Network

RING = """
[experiment]
name = "ring"
[network]
isolation = "namespace"
limits = { cpu = 0.5, memory = "64 MiB" }
[topology]
kind = "ring"
nodes = 5
"""
PLACED = Placement(PurePosixPath("/state/ring"))
BARE = RING.replace('"namespace"', '"none"')


def deployed(text: str, postgres: str | None = None) -> tuple[Deployment, Network]:
    network = spread(loads(text), 1)
    return in_any_order(plan(network, Wishes("nextmini:1", postgres))), network


def read_back(text: str, postgres: str | None = None, placement: Placement | None = None) -> dict[str, Any]:
    """The document as Docker reads it."""
    deployment, network = deployed(text, postgres)
    written = yaml_text([stack(deployment, network, placement or PLACED)], "comment")
    return dict(yaml.safe_load(written))


def test_each_process_is_a_service_with_its_rights_and_limits() -> None:
    document = read_back(RING)
    assert document["version"] == "3.8"
    services = document["services"]
    assert list(services) == ["controller", *(f"dataplane-{number}" for number in range(5))]
    for number in range(5):
        one = services[f"dataplane-{number}"]
        assert one["deploy"]["labels"]["nextmini.nodes"] == f"n{number + 1}"
        assert one["deploy"]["resources"] == {"limits": {"cpus": "0.500", "memory": "67108864"}}
        assert one["cap_add"] == ["NET_ADMIN"]
        assert one["sysctls"]["net.ipv4.conf.all.rp_filter"] == "0"
        assert one["user"] == "0:0"
    assert services["controller"]["cap_drop"] == ["ALL"]
    assert "cap_add" not in services["controller"]


def test_nothing_is_said_that_stacks_do_not_obey() -> None:
    """`docker stack deploy` ignores these keys, with a word or without."""
    for text in (RING, BARE):
        for one in read_back(text, "postgres:17")["services"].values():
            ignored = {"devices", "depends_on", "restart", "container_name", "tmpfs", "cpus", "mem_limit"}
            assert ignored & set(one) == set()


def test_services_wait_for_names_that_need_no_virtual_address() -> None:
    services = read_back(RING, "postgres:17")["services"]
    assert {one["deploy"]["endpoint_mode"] for one in services.values()} == {"dnsrr"}
    for name in ("controller", "dataplane-3"):
        *_, option, patience = services[name]["command"]
        assert option == "--patience"
        assert float(services[name]["healthcheck"]["start_period"].rstrip("s")) > float(patience)
    assert "command" not in services["postgres"]


def test_secrets_are_files_beside_the_stack_and_of_one_user() -> None:
    document = read_back(RING, "postgres:17")
    secrets = document["secrets"]
    assert secrets["token"] == {"file": "/state/ring/secrets/token"}
    for name, one in document["services"].items():
        for secret in one["secrets"]:
            assert secret["source"] in secrets
            if name != "postgres":
                assert secret["mode"] == 0o400
                assert f"{secret['uid']}:{secret['gid']}" == one["user"]


def test_files_have_a_name_for_each_text() -> None:
    first, again, other = read_back(RING), read_back(RING), read_back(RING.replace("5", "6"))
    assert first["configs"] == again["configs"]
    assert set(first["configs"]) & set(other["configs"]) == set()
    for one in first["services"].values():
        assert all(config["source"] in first["configs"] for config in one["configs"])


def test_who_has_results_is_on_a_machine_of_a_manager() -> None:
    services = read_back(RING, "postgres:17")["services"]
    for name in ("controller", "postgres"):
        assert services[name]["deploy"]["placement"] == {"constraints": ["node.role == manager"]}
    assert "placement" not in services["dataplane-0"]["deploy"]


def test_sites_are_labels_of_machines() -> None:
    whole, network = deployed(RING)
    services = tuple(replace(one, site="lab") if one.process == 2 else one for one in whole.services)
    document = stack(replace(whole, services=services), network, replace(PLACED, site_label="zone"))
    placed = document["services"]["dataplane-2"]["deploy"]["placement"]
    assert placed == {"constraints": ["node.labels.zone == lab"]}


@pytest.mark.parametrize("prefix", ["10.0.0.0/8", "10.0.0.0/16"])
def test_the_network_of_containers_is_not_that_of_nodes(prefix: str) -> None:
    text = RING.replace("limits =", f'prefix = "{prefix}"\nlimits =')
    (config,) = read_back(text)["networks"]["links"]["ipam"]["config"]
    assert not ip_network(config["subnet"]).overlaps(ip_network(prefix))
    assert ip_network(config["subnet"]).num_addresses >= 16


def test_where_nodes_have_no_devices_the_swarm_chooses_the_network() -> None:
    assert read_back(BARE)["networks"]["links"] == {"driver": "overlay"}
    elsewhere = RING.replace("limits =", 'prefix = "198.18.0.0/15"\nlimits =')
    assert read_back(elsewhere)["networks"]["links"] == {"driver": "overlay"}
    asked = read_back(BARE, placement=replace(PLACED, subnet="192.0.2.0/24"))
    assert asked["networks"]["links"]["ipam"] == {"config": [{"subnet": "192.0.2.0/24"}]}


def test_large_networks_have_addresses_for_all() -> None:
    deployment, network = deployed(RING.replace("nodes = 5", "nodes = 300"))
    (config,) = stack(deployment, network, PLACED)["networks"]["links"]["ipam"]["config"]
    assert ip_network(config["subnet"]).num_addresses > 310


@pytest.mark.parametrize(("said", "policy"), [("fail", "none"), ("restart", "on-failure")])
def test_the_scenario_says_whether_the_dead_start_again(said: str, policy: str) -> None:
    text = RING.replace('name = "ring"', f'name = "ring"\non_process_death = "{said}"')
    for one in read_back(text)["services"].values():
        assert one["deploy"]["restart_policy"]["condition"] == policy


def test_what_no_swarm_keeps_is_refused() -> None:
    deployment, network = deployed(RING)
    large = replace(deployment, files={"scenario.toml": "x" * (MOST_CONFIG + 1)})
    with pytest.raises(ScenarioError, match=r"scenario\.toml: it has 1,024,001 bytes"):
        stack(large, network, PLACED)


@pytest.mark.parametrize(
    ("subnet", "told"),
    [
        ("10.1.0.0/16", "10.1.0.0/16 has addresses of nodes, which are in 10.0.0.0/8"),
        ("192.0.2.0/29", "has not enough addresses for 6 services"),
        ("192.0.2.1/24", "is no IPv4 prefix"),
        ("here", "is no IPv4 prefix"),
    ],
)
def test_a_network_that_cannot_be_is_refused(subnet: str, told: str) -> None:
    with pytest.raises(ScenarioError, match="--subnet") as caught:
        read_back(RING, placement=replace(PLACED, subnet=subnet))
    assert told in str(caught.value)
