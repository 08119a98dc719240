"""Max mode of the network and of single nodes: what comes out of its tables, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nextmini.errors import ScenarioError
from nextmini.scenario import Network, dump, json_schema, loads, resolve
from nextmini.scenario.reference import reference

_BASE: dict[str, Any] = {
    "experiment": {"name": "x"},
    "network": {"isolation": "namespace"},
    "topology": {"kind": "line", "nodes": ["a", "b", "c"]},
}


def network(**tables: Any) -> Network:
    made = resolve(loads(json.dumps({**_BASE, **tables}), "json"))
    assert resolve(loads(dump(made))) == made
    return made


def refused(**tables: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loads(json.dumps({**_BASE, **tables}), "json")
    assert all(problem.remedy for problem in caught.value.problems)
    return [str(problem).split(": ", 1)[1] for problem in caught.value.problems]


def transparent(made: Network) -> list[tuple[int | None, tuple[int, ...] | None]]:
    return [(node.transparent, node.transparent_ports) for node in made.nodes]


def test_nothing_is_transparent_unless_it_is_said() -> None:
    made = network(network={})
    assert (made.pipe, made.transparent, made.transparent_ports) == (524_288, False, None)
    assert transparent(made) == [(None, None)] * 3


def test_all_nodes_are_what_is_said_of_all() -> None:
    assert transparent(network(max={"transparent": True})) == [(61_080, None)] * 3
    made = network(max={"transparent": True, "ports": [443, 80, 80]}, network={"isolation": "process"})
    assert transparent(made) == [(61_080, (80, 443))] * 3
    assert (made.transparent, made.transparent_ports) == (True, (80, 443))


def test_a_node_may_be_otherwise() -> None:
    nodes = [
        {"name": "a", "max": {"transparent": False}},
        {"name": "b", "max": {"ports": [22]}},
        {"name": "c", "max": {"transparent": True}},
    ]
    made = network(max={"transparent": True, "ports": [80]}, nodes=nodes)
    assert transparent(made) == [(None, None), (61_080, (22,)), (61_080, (80,))]
    nodes = [{"name": "b", "max": {"transparent": True}}]
    assert transparent(network(max={"ports": [80]}, nodes=nodes)) == [
        (None, None),
        (61_080, (80,)),
        (None, None),
    ]
    assert network(nodes=nodes).transparent is False


@pytest.mark.parametrize(("size", "kept"), [("64 KiB", 65_536), ("64 MiB", 67_108_864), ("100 kB", 100_000)])
def test_pipes(size: str, kept: int) -> None:
    assert network(max={"pipe": size}).pipe == kept


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"pipe": "65535 B"}, 'max.pipe: "65535 B" is not possible; write 64 KiB to 64 MiB'),
        ({"pipe": "65 MiB"}, 'max.pipe: "65 MiB" is not possible; write 64 KiB to 64 MiB'),
        ({"pipe": 65536}, "max.pipe: 65536 has no unit; "),
        ({"transparent": 1}, "max.transparent: expected true or false, got 1; "),
        ({"transparent": True, "ports": []}, "max.ports: there is no port in []; leave the key out"),
        ({"transparent": True, "ports": [0]}, "max.ports: 0 is not a port; "),
        ({"transparent": True, "ports": [80, 65_536]}, "max.ports: 65536 is not a port; "),
        ({"transparent": True, "ports": [True]}, "max.ports: true is not a port; "),
        ({"transparent": True, "ports": 80}, "max.ports: expected a list of ports, got 80; "),
        ({"ports": [80]}, "max.ports: no node is transparent; write transparent = true too, or remove it"),
        ({"port": [80]}, "max.port: unknown key; did you mean ports?"),
        (3, "max: expected a table, got 3; write its keys under [max]"),
    ],
    ids=str,
)
def test_each_mistake_has_its_words(said: Any, told: str) -> None:
    found = refused(max=said)
    assert len(found) == 1, found
    assert found[0].startswith(told), found


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"ports": [80]}, "nodes[0].max.ports: this node is not transparent; write transparent = true too"),
        ({"transparent": True, "ports": ["80"]}, 'nodes[0].max.ports: "80" is not a port; '),
        ({"pipe": "1 MB"}, "nodes[0].max.pipe: unknown key; pipe is a key of [max]"),
        (True, "nodes[0].max: expected a table, got true; write max = { transparent = true }"),
    ],
    ids=str,
)
def test_each_mistake_of_a_node_has_its_words(said: Any, told: str) -> None:
    found = refused(nodes=[{"name": "a", "max": said}])
    assert len(found) == 1, found
    assert found[0].startswith(told), found


def test_transparent_nodes_have_a_network_of_their_own() -> None:
    told = (
        "nodes have no network of their own whose connections could be redirected; "
        'write isolation = "namespace" under [network]'
    )
    nodes = [{"name": "b", "max": {"transparent": True}}, {"name": "a", "max": {"transparent": False}}]
    assert refused(network={}, nodes=nodes) == [f"nodes[0].max.transparent: {told}"]
    assert refused(network={}, max={"transparent": True}) == [f"max.transparent: {told}"]
    found = refused(network={"isolation": "nmespace"}, max={"transparent": True})
    assert [one.split(":")[0] for one in found] == ["network.isolation"]


def test_what_is_not_known_is_not_blamed() -> None:
    found = refused(max={"transparent": "yes", "ports": [80]}, nodes=[{"name": "a", "max": {"ports": [1]}}])
    assert [one.split(":")[0] for one in found] == ["max.transparent"]
    found = refused(max={"ports": [80]}, nodes=[{"name": "a", "max": {"transparent": 1}}])
    assert [one.split(":")[0] for one in found] == ["nodes[0].max.transparent"]


def test_nothing_leaves_a_node_all_of_whose_links_are_asked_for_more_than_a_rate() -> None:
    slow = [{"ends": ["a", "b"], "loss": "1 %"}]
    told = (
        "in max mode nothing can leave a: the link a - b is asked for `loss`; take `loss` away, or write "
        "max = { transparent = false } for this node under [[nodes]]"
    )
    assert refused(max={"transparent": True}, links=slow) == [f"max.transparent: {told}"]
    both = [{"name": name, "max": {"transparent": True}} for name in ("b", "a")]
    assert refused(nodes=both, links=slow) == [f"nodes[1].max.transparent: {told}"]
    nodes = [{"name": "a", "max": {"transparent": False}}]
    assert network(max={"transparent": True}, nodes=nodes, links=slow)


def test_the_port_of_redirected_connections_is_taken() -> None:
    socks = [{"node": "b", "listen": 61_080}]
    assert network(socks=socks)
    nodes = [{"name": "b", "max": {"transparent": True}}]
    (told,) = refused(nodes=nodes, socks=socks)
    assert told.startswith('socks[0].listen: port 61080 of "b" is taken: it is transparent; choose another')


def test_sizes_are_documented_as_they_are_written() -> None:
    assert '| `pipe` | size | `"512 KiB"` |' in reference()
    assert json_schema()["$defs"]["MaxTable"]["properties"]["pipe"]["default"] == "512 KiB"
