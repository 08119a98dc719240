"""The device of a container's only node: what is read and written beside the kernel."""

from __future__ import annotations

import json
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING

import pytest
from deployments import deployed

from nextmini.deploy.planning import NODES_FILE
from nextmini.errors import PrerequisiteError
from nextmini.hosts import own_device
from nextmini.hosts.own_address import address_towards, listen_towards

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    file = tmp_path / "nodes.json"
    file.write_text(deployed().files[NODES_FILE])
    return file


def test_a_process_finds_its_node(nodes: Path) -> None:
    node = own_device.read_node(nodes, 2)
    assert (node.name, node.device) == ("n3", "n3-eth0")
    assert node.address == IPv4Interface("10.0.0.3/8")
    assert node.address6 == ("fd00:6e6d::3", 64)
    assert node.names[:3] == (("10.0.0.1", "n1"), ("fd00:6e6d::1", "n1"), ("10.0.0.2", "n2"))


def test_a_process_without_a_node_of_its_own_is_refused(nodes: Path) -> None:
    with pytest.raises(PrerequisiteError, match="process 5 has 0 nodes"):
        own_device.read_node(nodes, 5)
    said = json.loads(nodes.read_text())
    said["nodes"][1]["process"] = 0
    nodes.write_text(json.dumps(said))
    with pytest.raises(PrerequisiteError, match="process 0 has 2 nodes"):
        own_device.read_node(nodes, 0)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"nodes": [{"process": 0}]}'])
def test_a_file_that_says_nothing_is_refused(nodes: Path, text: str) -> None:
    nodes.write_text(text)
    with pytest.raises(PrerequisiteError, match="does not say which nodes there are"):
        own_device.read_node(nodes, 0)


def test_addresses_of_nodes_and_containers_are_apart(nodes: Path) -> None:
    node = own_device.read_node(nodes, 0)
    own_device.check_apart(node, IPv4Interface("10.1.0.7/16"))
    with pytest.raises(PrerequisiteError, match=r"node n1 has the address 10.0.0.1, inside of 10.0.0.0/16"):
        own_device.check_apart(node, IPv4Interface("10.0.3.7/16"))


def test_names_of_nodes_come_first_and_once(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n172.18.0.2 n1\n")
    own_device.write_hosts(hosts, [("10.0.0.1", "n1")])
    own_device.write_hosts(hosts, [("10.0.0.1", "n1"), ("10.0.0.2", "n2")])
    assert hosts.read_text() == (
        "# nodes of the experiment\n10.0.0.1 n1\n10.0.0.2 n2\n"
        "# other machines\n127.0.0.1 localhost\n172.18.0.2 n1\n"
    )


def test_everywhere_is_where_the_controller_is_reached() -> None:
    url = "wss://127.0.0.1:7700/dataplane"
    assert listen_towards("0.0.0.0:0", url) == "127.0.0.1:0"
    assert listen_towards("[::]:81", "wss://[::1]:7700/dataplane") == "[::1]:81"
    assert listen_towards("192.0.2.1:80", url) == "192.0.2.1:80"


def test_a_controller_nowhere_is_named() -> None:
    with pytest.raises(PrerequisiteError, match=r"wss://nobody\.invalid:1/x leads nowhere"):
        address_towards("wss://nobody.invalid:1/x")
