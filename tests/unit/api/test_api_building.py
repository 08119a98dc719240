"""Networks that are described in Python are those of a scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nextmini
from nextmini import Network
from nextmini.errors import ScenarioError
from nextmini.live.choice import LiveError
from nextmini.scenario import loads, resolve

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_built_is_a_scenario() -> None:
    net = Network("lab", isolation="none")
    a, b = net.add_node("a"), net.add_node("b", address="10.0.0.9")
    net.add_node("c")
    net.add_link(a, b, rate="10 Mbit/s", delay="5 ms")
    net.add_link("b", "c", loss="1 %")
    net.add_flow("a", "c", size="1 MB")
    net.add_flow("c", a, kind="tcp", congestion="reno", family="ipv6", size="1 MB")
    network = resolve(loads(net.to_scenario()))
    assert (network.name, network.isolation) == ("lab", "none")
    assert [(node.name, node.address) for node in network.nodes] == [
        ("a", "10.0.0.1"),
        ("b", "10.0.0.9"),
        ("c", "10.0.0.3"),
    ]
    assert [(link.a, link.b, link.forward.rate) for link in network.links] == [
        (1, 2, 10_000_000),
        (2, 3, None),
    ]
    assert [(flow.name, flow.size) for flow in network.flows] == [
        ("flow-1", 1_000_000),
        ("flow-2", 1_000_000),
    ]
    assert [(flow.kind, flow.congestion, flow.family) for flow in network.flows] == [
        ("lossless", None, None),
        ("tcp", "reno", "ipv6"),
    ]


def test_what_is_taken_away_is_gone() -> None:
    net = Network("lab", topology={"kind": "ring", "nodes": 4})
    assert list(net.nodes) == ["n1", "n2", "n3", "n4"]
    net.remove_node("n2")
    net.link("n3", "n4").remove()
    assert [{link.a, link.b} for link in net.links] == [{"n1", "n4"}]
    assert [node.name for node in resolve(loads(net.to_scenario())).nodes] == ["n1", "n3", "n4"]
    with pytest.raises(LiveError, match="no link between n1 and n3"):
        net.link("n1", "n3")


ENTRIES = """
[[routes]]
path = ["{0}", "{1}", "{2}"]
[[flows]]
name = "of-{0}"
source = "{0}"
destination = "{1}"
size = "1 MB"
[[apps]]
node = "{0}"
name = "app-{0}"
command = "true"
[[socks]]
node = "{0}"
listen = {3}
[[socks]]
node = "{1}"
listen = {4}
exit = "{0}"
[[events]]
at = "1 s"
node = "{0}"
crash = true
[[events]]
at = "1 s"
link = ["{0}", "{1}"]
down = true
[[events]]
at = "1 s"
partition = [["{0}"], ["{1}"]]
[[classes]]
match = {{ source = "{0}" }}
weight = 2
"""


def test_what_needs_a_node_goes_with_it() -> None:
    head = '[experiment]\nname = "lab"\n[network]\nisolation = "namespace"\n'
    line = '[topology]\nkind = "line"\nnodes = ["a", "b", "c", "d"]\n'
    both = '[[events]]\nat = "2 s"\npartition = [["a", "b"], ["c"]]\n'
    entries = [ENTRIES.format(*"abc", 1080, 1081), ENTRIES.format(*"dcb", 1082, 1083)]
    net = Network.from_scenario(head + line + both + "".join(entries))
    net.remove_node("a")
    found = resolve(loads(net.to_scenario()))
    ids = {node.name: node.id for node in found.nodes}
    assert ids == {"b": 1, "c": 2, "d": 3}
    assert {(link.a, link.b) for link in found.links} == {(1, 2), (2, 3)}
    assert [route.path for route in found.routes if route.origin == "scenario"] == [(3, 2, 1), (1, 2, 3)]
    assert ([flow.name for flow in found.flows], [app.name for app in found.apps]) == (["of-d"], ["app-d"])
    assert [[(one.listen, one.exit) for one in node.socks] for node in found.nodes] == [
        [],
        [("127.0.0.1:1083", 3)],
        [("127.0.0.1:1082", None)],
    ]
    assert [(event.at, event.action.get("partition")) for event in found.events] == [
        (2, [["b"], ["c"]]),
        (1, None),
        (1, None),
        (1, [["d"], ["c"]]),
    ]
    assert [one.source for one in found.classes] == [3]


def test_a_scenario_comes_from_a_file_or_a_text(tmp_path: Path) -> None:
    text = Network("lab", topology={"kind": "star", "nodes": 3}, network={"mtu": 9000}).to_scenario()
    file = tmp_path / "lab.toml"
    file.write_text(text)
    for source in (text, file, str(file)):
        assert Network.from_scenario(source).to_scenario() == text


def test_what_makes_no_sense_is_refused_as_in_a_scenario() -> None:
    with pytest.raises(ScenarioError, match=r"topology.kind"):
        Network("lab", topology={"kind": "rnig", "nodes": 4})
    net = Network("lab")
    net.add_node("a")
    with pytest.raises(LiveError, match="there is no node 'b'"):
        net.add_link("a", "b")
    net.add_node("b")
    net.add_link("a", "b", delay="5 parsecs")
    with pytest.raises(ScenarioError, match=r"links\[0\].delay.*parsecs"):
        net.to_scenario()
    with pytest.raises(ScenarioError, match="no nodes"):
        Network("lab").start()


def test_what_needs_a_network_that_runs_says_so() -> None:
    net = Network("lab", topology={"kind": "ring", "nodes": 3})
    assert not net.running
    assert net.stop() is None
    for work in (lambda: net.ping("n1", "n2"), lambda: net.link("n1", "n2").down(), net.metrics):
        with pytest.raises(LiveError, match="does not run"):
            work()


def test_the_package_has_what_it_says_and_nothing_else() -> None:
    assert nextmini.AsyncNetwork.__name__ == "AsyncNetwork"
    with pytest.raises(AttributeError, match="nothing"):
        getattr(nextmini, "nothing")  # noqa: B009
