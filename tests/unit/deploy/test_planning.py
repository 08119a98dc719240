"""From a scenario to its containers."""

from __future__ import annotations

import json

import pytest
from deployments import RING, deployed

from nextmini.deploy.deployment import Account, Capability, Restart, Role, Secret
from nextmini.deploy.planning import DATABASE, NODES_FILE, SCENARIO_FILE
from nextmini.deploy.spreading import spread
from nextmini.errors import ScenarioError
from nextmini.scenario import loads, resolve
from nextmini.scenario.network import Limits


def refused(text: str, per_container: int = 1) -> str:
    with pytest.raises(ScenarioError) as caught:
        deployed(text, per_container)
    return str(caught.value)


def option(command: tuple[str, ...], name: str) -> str:
    return command[command.index(name) + 1]


def test_each_node_has_a_container_with_a_device_and_no_other_right() -> None:
    found = deployed(RING)
    assert [one.nodes for one in found.dataplanes] == [("n1",), ("n2",), ("n3",), ("n4",), ("n5",)]
    for process, one in enumerate(found.dataplanes):
        assert one.name == f"dataplane-{process}"
        assert one.process == process == int(option(one.command, "--process"))
        assert one.capabilities == (Capability.NET_ADMIN,)
        assert one.devices == ("/dev/net/tun",)
        assert one.account is Account.ROOT
        assert one.after == ("controller",)
    assert found.hosting("n4") == found.dataplanes[3]
    assert found.hosting("n6") is None


def test_limits_are_those_of_the_node_and_else_of_the_network() -> None:
    first, second = deployed(RING).dataplanes[:2]
    assert first.limits == Limits(0.5, None)
    assert second.limits == Limits(0.5, 64 * 2**20)


def test_what_hosts_no_programs_has_no_rights_at_all() -> None:
    bare = RING.replace('"namespace"', '"none"').partition("[[nodes]]")[0]
    found = deployed(bare, 2)
    assert [one.limits.cpu for one in found.dataplanes] == [1.0, 1.0, 0.5]
    assert [one.nodes for one in found.dataplanes] == [("n1", "n2"), ("n3", "n4"), ("n5",)]
    for one in found.services:
        assert (one.account, one.capabilities, one.devices) == (Account.PLAIN, (), ())
    assert NODES_FILE not in found.files
    assert "--devices" not in found.controller.command


def test_links_between_containers_are_connections() -> None:
    scenario = loads(RING.replace('"namespace"', '"none"'))
    transports = [link.transport for link in spread(scenario, 5).links]
    assert transports == ["memory"] * 5
    network = spread(scenario, 2)
    for link in network.links:
        same = network.node(link.a).process == network.node(link.b).process
        assert link.transport == ("memory" if same else "tcp")


def test_the_scenario_inside_is_the_network_with_a_controller_that_others_reach() -> None:
    scenario = loads(RING)
    inside = resolve(loads(deployed(RING).files[SCENARIO_FILE]))
    assert inside.nodes == spread(scenario, 1).nodes
    assert inside.processes == 5
    assert inside.listen == "0.0.0.0:7700"
    assert inside.tls


def test_processes_are_told_all_nodes_devices_and_names() -> None:
    document = json.loads(deployed(RING).files[NODES_FILE])
    assert (document["prefix"], document["prefix6"], document["mtu"]) == (8, 64, 1500)
    assert document["nodes"][3] == {
        "process": 3,
        "name": "n4",
        "device": "n4-eth0",
        "address": "10.0.0.4",
        "address6": "fd00:6e6d::4",
    }


def test_secrets_are_files_of_those_who_need_them() -> None:
    found = deployed(RING)
    assert Secret.KEY in found.controller.secrets
    for one in found.dataplanes:
        assert one.secrets == (Secret.TOKEN, Secret.FINGERPRINT)
        assert option(one.command, "--token-file") == "/run/secrets/token"
    assert found.secrets == (Secret.TOKEN, Secret.KEY, Secret.TLS_KEY, Secret.TLS_CERT, Secret.FINGERPRINT)


def test_a_database_of_its_own_is_ready_before_the_controller() -> None:
    assert all(one.role is not Role.DATABASE for one in deployed(RING).services)
    found = deployed(RING, postgres="postgres:17")
    assert found.services[0].name == DATABASE
    assert found.services[0].image == "postgres:17"
    assert found.controller.after == (DATABASE,)
    url = option(found.controller.command, "--database-url")
    assert url == "postgresql://nextmini@postgres:5432/nextmini?passfile=/run/secrets/database-passfile"
    assert {Secret.DATABASE_PASSWORD, Secret.DATABASE_PASSFILE} < set(found.secrets)


@pytest.mark.parametrize(("said", "restart"), [("fail", Restart.NEVER), ("restart", Restart.ON_FAILURE)])
def test_the_scenario_says_whether_the_dead_start_again(said: str, restart: Restart) -> None:
    text = RING.replace('name = "ring"', f'name = "ring"\non_process_death = "{said}"')
    assert {one.restart for one in deployed(text).services} == {restart}


@pytest.mark.parametrize(
    ("further", "said"),
    [
        ('[[apps]]\nnode = "n1"\nname = "a"\ncommand = "true"', "apps: programs of a scenario do not run in"),
        ('[[algorithms]]\nuse = "max_min"', "algorithms: algorithms do not run in containers"),
        ("[max]\ntransparent = true", "max.transparent: node n1 is transparent"),
    ],
)
def test_what_containers_cannot_have_is_refused(further: str, said: str) -> None:
    assert said in refused(RING + further)


def test_nodes_with_programs_do_not_share_a_container() -> None:
    assert "--nodes-per-container: with isolation" in refused(RING, 2)


def test_limits_of_some_nodes_of_a_container_are_refused() -> None:
    assert "limits.memory: nodes n1, n2 share a container" in refused(
        RING.replace('"namespace"', '"none"'), 2
    )
