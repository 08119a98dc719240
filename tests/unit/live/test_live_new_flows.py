from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nextmini.errors import ScenarioError
from nextmini.live.choice import LiveError
from nextmini.live.new_flows import new_flow
from nextmini.scenario import loads, resolve
from nextmini.store import Desired

NETWORK = resolve(
    loads("""
[experiment]
name = "lab"
[network]
mtu = 1400
[topology]
kind = "line"
nodes = 4
[[flows]]
name = "flow-1"
source = "n1"
destination = "n4"
size = "1 MB"
""")
)
DESIRED = Desired(
    nodes={node.id: node for node in NETWORK.nodes},
    links={link.id: link for link in NETWORK.links},
    flows={flow.id: flow for flow in NETWORK.flows},
)


def said(**keys: Any) -> dict[str, Any]:
    return {"source": "n2", "destination": "n4", "size": "1 MB"} | keys


def test_a_flow_is_what_it_would_be_in_a_scenario() -> None:
    flow = new_flow(DESIRED, said(rate="5 Mbit/s", weight=3, start="1 s", name="mine"))
    assert (flow.name, flow.source, flow.destination, flow.kind) == ("mine", 2, 4, "lossless")
    assert (flow.size, flow.rate, flow.weight, flow.start) == (1_000_000, 5_000_000, 3, 1.0)


def test_one_without_a_name_gets_one_that_is_free() -> None:
    assert new_flow(DESIRED, said()).name == "flow-2"


def test_one_without_an_end_lasts_as_long_as_the_experiment() -> None:
    flow = new_flow(DESIRED, said(size=None))
    assert (flow.size, flow.duration) == (None, None)


def test_packets_have_the_room_that_the_links_leave() -> None:
    flow = new_flow(DESIRED, said(kind="udp", rate="1 Mbit/s", arrival="poisson", ecn=True))
    assert (flow.kind, flow.packet_size, flow.arrival.process, flow.ecn) == ("udp", 1372, "poisson", True)


def test_tcp_says_what_it_does_about_losses_and_which_addresses_it_uses() -> None:
    flow = new_flow(DESIRED, said(kind="tcp", congestion="reno", family="ipv6"))
    assert (flow.kind, flow.congestion, flow.family) == ("tcp", "reno", "ipv6")
    flow = new_flow(DESIRED, said(kind="tcp", congestion=None, family=None))
    assert (flow.congestion, flow.family) == ("cubic", "ipv4")


def test_ipv6_takes_nodes_that_have_addresses_of_it() -> None:
    bare = {id: replace(node, address6=None) if id == 4 else node for id, node in DESIRED.nodes.items()}
    without = replace(DESIRED, nodes=bare)
    assert new_flow(without, said(kind="tcp")).family == "ipv4"
    with pytest.raises(LiveError, match="node n4 has no IPv6 address; leave the family out"):
        new_flow(without, said(kind="tcp", family="ipv6"))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"rate": "5 MB"}, r"command line: --rate: .*bit/s"),
        ({"size": "5"}, r"--size: .*unit"),
        ({"duration": "1 s"}, "--duration: this flow has a size too; keep one of the two"),
        ({"weight": 0}, "--weight: 0 is"),
        ({"kind": "udp"}, "--rate: is missing"),
        ({"kind": "udp", "rate": "1 Mbit/s", "packet_size": 1373}, "--packet-size: .*write at most 1372"),
        ({"ecn": True}, "--ecn: does not go with"),
        ({"kind": "tcp", "weight": 2}, "--weight: does not go with"),
        ({"family": "ipv6"}, "--family: does not go with .* write kind = .tcp"),
        ({"arrival": "sometimes"}, "--arrival: "),
        ({"name": "a b"}, "--name: "),
        ({"destination": "n2"}, "destination: this flow goes from .* to itself"),
    ],
)
def test_one_that_cannot_be_is_refused_in_the_words_of_a_scenario(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        new_flow(DESIRED, said(**keys))


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ScenarioError) as caught:
        new_flow(DESIRED, said(rate="5", start="soon"))
    assert [problem.key for problem in caught.value.problems] == ["--rate", "--start"]


def test_nodes_and_names_have_to_be_right() -> None:
    with pytest.raises(LiveError, match=r"no node 'n44'; did you mean n4\?"):
        new_flow(DESIRED, said(destination="n44"))
    with pytest.raises(LiveError, match="there is a flow 'flow-1' already"):
        new_flow(DESIRED, said(name="flow-1"))
