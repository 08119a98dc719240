"""From a scenario to its network: numbers, addresses, processes, links, routes."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from nextmini.errors import ScenarioError
from nextmini.scenario import Link, Network, Node, Route, Scenario, dump, loads, resolve
from nextmini.scenario.expansion.nodes import usual_hop_limit


def _network(**tables: Any) -> Network:
    return resolve(Scenario.model_validate({"experiment": {"name": "x"}, **tables}))


def _told(**tables: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        _network(**tables)
    return [f"{problem.key}: {problem.message}; {problem.remedy}" for problem in caught.value.problems]


_CUSTOM = {"kind": "custom", "nodes": ["a", "b", "c"]}
_TWO_LINKS = [{"ends": ["a", "b"]}, {"ends": ["b", "c"]}]


def test_everything_has_its_default() -> None:
    network = _network(topology={"kind": "line", "nodes": 2})
    assert network == Network(
        name="x",
        seed=1,
        duration=None,
        interval=1.0,
        processes=1,
        on_process_death="fail",
        keep=3600.0,
        listen="127.0.0.1:0",
        nodes=(
            Node(1, "n1", "10.0.0.1", 1, "sequential", 2, 0, address6="fd00:6e6d::1"),
            Node(2, "n2", "10.0.0.2", 1, "sequential", 2, 0, address6="fd00:6e6d::2"),
        ),
        links=(Link(1, 1, 2, "memory", 1.0, "cubic"),),
        routes=(),
        flows=(),
        prefix="10.0.0.0/8",
        prefix6="fd00:6e6d::/64",
        isolation="none",
        mtu=1500,
    )


def test_nodes_are_found_by_number_and_by_name() -> None:
    network = _network(topology=_CUSTOM)
    assert network.node(2) is network.node_named("b")
    for unknown in (0, 4, -1):
        with pytest.raises(KeyError):
            network.node(unknown)
    with pytest.raises(KeyError):
        network.node_named("d")


def test_node_i_has_the_ith_address() -> None:
    network = _network(network={"prefix": "192.168.0.0/16"}, topology={"kind": "ring", "nodes": 300})
    assert network.node(1).address == "192.168.0.1"
    assert network.node(256).address == "192.168.1.0"
    assert network.node(300).address == "192.168.1.44"


def test_entries_set_keys_of_generated_nodes() -> None:
    network = _network(
        network={"processors": 2},
        topology={"kind": "ring", "nodes": 3},
        nodes=[{"name": "n2", "processors": 4}, {"name": "n3", "address": "10.9.9.9"}],
    )
    assert [node.processors for node in network.nodes] == [2, 4, 2]
    assert [node.address for node in network.nodes] == ["10.0.0.1", "10.0.0.2", "10.9.9.9"]


def test_entries_are_the_nodes_where_nothing_else_says_so() -> None:
    network = _network(nodes=[{"name": "b"}, {"name": "a", "processors": 3}], links=[{"ends": ["a", "b"]}])
    assert [node.name for node in network.nodes] == ["b", "a"]
    assert network.links == (Link(1, 2, 1, "memory", 1.0, "cubic"),)


@pytest.mark.parametrize("processes", [1, 2, 3, 5, 7, 10])
def test_processes_get_equal_blocks_of_neighbours(processes: int) -> None:
    network = _network(
        experiment={"name": "x", "processes": processes}, topology={"kind": "line", "nodes": 10}
    )
    hosts = [node.process for node in network.nodes]
    assert hosts == sorted(hosts)
    assert set(hosts) == set(range(processes))
    sizes = [hosts.count(process) for process in range(processes)]
    assert max(sizes) - min(sizes) <= 1


def test_auto_is_memory_inside_a_process_and_tcp_between_two() -> None:
    network = _network(experiment={"name": "x", "processes": 2}, topology={"kind": "ring", "nodes": 4})
    assert [link.transport for link in network.links] == ["memory", "tcp", "memory", "tcp"]


def test_a_link_may_ask_for_another_transport_than_the_network() -> None:
    network = _network(
        network={"transport": "tcp"},
        topology={"kind": "line", "nodes": 4, "link": {"cost": 2, "congestion": "reno"}},
        links=[{"ends": ["n3", "n2"], "transport": "auto"}, {"ends": ["n1", "n4"], "cost": 5}],
    )
    assert network.links == (
        Link(1, 1, 2, "tcp", 2.0, "reno"),
        Link(2, 2, 3, "memory", 2.0, "reno"),
        Link(3, 3, 4, "tcp", 2.0, "reno"),
        Link(4, 1, 4, "tcp", 5.0, "cubic"),
    )


def test_quic_carries_links_where_it_is_asked_for_inside_a_process_too() -> None:
    network = _network(
        experiment={"name": "x", "processes": 2},
        topology={"kind": "line", "nodes": 4, "link": {"transport": "quic", "congestion": "bbr"}},
        links=[{"ends": ["n2", "n3"], "transport": "auto"}],
    )
    assert [(link.transport, link.congestion) for link in network.links] == [
        ("quic", "bbr"),
        ("tcp", "bbr"),
        ("quic", "bbr"),
    ]


def test_a_route_runs_both_ways_unless_it_says_not() -> None:
    network = _network(
        topology=_CUSTOM,
        links=_TWO_LINKS,
        routes=[{"path": ["a", "b", "c"], "weight": 3}, {"path": ["a", "b"], "both": False}],
    )
    assert network.routes == (
        Route(1, (1, 2, 3), 3, "scenario"),
        Route(2, (3, 2, 1), 3, "scenario"),
        Route(3, (1, 2), 1, "scenario"),
    )


def test_hop_limit_is_the_number_of_nodes_unless_it_is_given() -> None:
    assert _network(topology={"kind": "ring", "nodes": 500}).node(7).hop_limit == 500
    assert _network(network={"hop_limit": 9}, topology={"kind": "ring", "nodes": 5}).node(1).hop_limit == 9


def test_hop_limit_is_at_most_what_frames_count() -> None:
    assert [usual_hop_limit(nodes) for nodes in (0, 1, 500, 65_536, 200_000)] == [1, 1, 500, 65_535, 65_535]


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ({}, 'topology: there are no nodes; write nodes = 4 or nodes = ["a", "b"] under [topology]'),
        (
            {"topology": _CUSTOM, "nodes": [{"name": "a"}, {"name": "a"}]},
            'nodes[1].name: "a" is also the name of nodes[0]; keep one of them',
        ),
        (
            {"topology": {"kind": "ring", "nodes": 3}, "nodes": [{"name": "n11"}]},
            'nodes[0].name: the topology has no node "n11"; did you mean "n1"?',
        ),
        (
            {"experiment": {"name": "x", "processes": 4}, "topology": _CUSTOM},
            "experiment.processes: 4 processes cannot share 3 nodes; write at most 3",
        ),
        (
            {"network": {"prefix": "10.0.0.0/30"}, "topology": _CUSTOM},
            "network.prefix: this prefix has room for 2 nodes, and there are 3; write a shorter prefix",
        ),
        (
            {"network": {"prefix": "10.0.0.0/32"}, "topology": _CUSTOM},
            "network.prefix: this prefix has room for 0 nodes, and there are 3; write a shorter prefix",
        ),
        (
            {"network": {"prefix6": "fd00::/127"}, "topology": _CUSTOM},
            "network.prefix6: this prefix has room for 1 nodes, and there are 3; write a shorter prefix",
        ),
        (
            {"topology": _CUSTOM, "nodes": [{"name": "a", "address": "11.0.0.1"}]},
            "nodes[0].address: 11.0.0.1 is outside of network.prefix, 10.0.0.0/8; choose one inside",
        ),
        (
            {"topology": _CUSTOM, "nodes": [{"name": "a", "address": "10.0.0.2"}]},
            'nodes[0].address: 10.0.0.2 is the address of "b" too; choose another one',
        ),
        (
            {"topology": _CUSTOM, "links": [{"ends": ["a", "x"]}]},
            'links[0].ends[1]: there is no node "x"; the nodes are a, b, c',
        ),
        (
            {"topology": {"kind": "line", "nodes": 20}, "links": [{"ends": ["n1", "zz"]}]},
            'links[0].ends[1]: there is no node "zz"; the nodes are n1, n2, n3, ... n20',
        ),
        (
            {"topology": _CUSTOM, "links": [{"ends": ["a", "a"]}]},
            'links[0].ends: this link joins "a" to itself; name two nodes',
        ),
        (
            {"topology": _CUSTOM, "links": [{"ends": ["a", "b"]}, {"ends": ["b", "a"]}]},
            'links[1].ends: "b" and "a" are already joined by links[0]; keep one of the two',
        ),
        (
            {
                "topology": {"kind": "line", "nodes": 2},
                "links": [{"ends": ["n1", "n2"]}, {"ends": ["n2", "n1"]}],
            },
            'links[1].ends: "n2" and "n1" are already joined by links[0]; keep one of the two',
        ),
        (
            {"topology": _CUSTOM, "links": _TWO_LINKS, "routes": [{"path": ["a", "c"]}]},
            (
                'routes[0].path[1]: there is no link between "a" and "c"; '
                "add it to [[links]], or take another path"
            ),
        ),
        (
            {"topology": _CUSTOM, "links": _TWO_LINKS, "routes": [{"path": ["a", "b", "a"]}]},
            'routes[0].path[2]: the path visits "a" twice; a path visits a node once',
        ),
        (
            {
                "topology": _CUSTOM,
                "links": _TWO_LINKS,
                "routes": [{"path": ["a", "b"]}, {"path": ["b", "a"]}],
            },
            "routes[1].path: routes[0] is the same route; keep one, with the sum of their weights",
        ),
        (
            {
                "network": {"hop_limit": 1},
                "topology": _CUSTOM,
                "links": _TWO_LINKS,
                "routes": [{"path": ["a", "b", "c"]}],
            },
            (
                "routes[0].path: the path has 2 links, and network.hop_limit is 1; "
                "write a higher hop_limit, or leave it out"
            ),
        ),
    ],
)
def test_what_cannot_be_is_refused(tables: dict[str, Any], told: str) -> None:
    assert told in _told(**tables)


class TestMemoryBetweenProcesses:
    _TWO: ClassVar[dict[str, Any]] = {"experiment": {"name": "x", "processes": 2}}

    def test_asked_for_the_network_it_is_told_once(self) -> None:
        (told,) = _told(**self._TWO, network={"transport": "memory"}, topology={"kind": "ring", "nodes": 8})
        assert told == (
            'network.transport: memory cannot carry the link from "n4" in process 1 to "n5" in process 2; '
            'write transport = "auto", or processes = 1 under [experiment]'
        )

    def test_asked_for_all_links_of_the_topology(self) -> None:
        ring = {"kind": "ring", "nodes": 8, "link": {"transport": "memory"}}
        assert _told(**self._TWO, topology=ring)[0].startswith("topology.link.transport: memory cannot")

    def test_asked_for_one_link(self) -> None:
        links = [{"ends": ["n2", "n3"]}, {"ends": ["n5", "n4"], "transport": "memory"}]
        told = _told(**self._TWO, topology={"kind": "ring", "nodes": 8}, links=links)
        assert [one.split(":")[0] for one in told] == ["links[1].transport"]

    def test_inside_a_process_it_is_fine(self) -> None:
        links = [{"ends": ["n1", "n2"], "transport": "memory"}]
        assert (
            _network(**self._TWO, topology={"kind": "ring", "nodes": 8}, links=links).links[0].transport
            == "memory"
        )


class TestCongestionOfQuicLinks:
    _QUIC: ClassVar[dict[str, Any]] = {"network": {"transport": "quic"}}

    def test_one_that_only_the_kernel_may_have_is_told_once(self) -> None:
        ring = {"kind": "ring", "nodes": 5, "link": {"congestion": "dctcp"}}
        (told,) = _told(**self._QUIC, topology=ring)
        assert told == (
            'topology.link.congestion: "dctcp" is no congestion control of QUIC links; '
            'write "cubic", "reno" or "bbr", or transport = "tcp"'
        )

    def test_of_one_link(self) -> None:
        links = [{"ends": ["n1", "n2"], "transport": "quic", "congestion": "vegas"}]
        (told,) = _told(topology={"kind": "line", "nodes": 2}, links=links)
        assert told.startswith('links[0].congestion: "vegas" is no congestion control of QUIC links; write')

    def test_over_tcp_it_may_be_anything(self) -> None:
        line = {"kind": "line", "nodes": 2, "link": {"transport": "tcp", "congestion": "dctcp"}}
        assert _network(**self._QUIC, topology=line).links[0].congestion == "dctcp"

    @pytest.mark.parametrize("name", ["cubic", "reno", "bbr"])
    def test_those_that_there_are(self, name: str) -> None:
        line = {"kind": "line", "nodes": 2, "link": {"congestion": name}}
        assert _network(**self._QUIC, topology=line).links[0].congestion == name


class TestDatagramsOfQuicLinks:
    _LINE: ClassVar[dict[str, Any]] = {"kind": "line", "nodes": 4}
    _ASKED: ClassVar[dict[str, Any]] = {"transport": "quic", "datagrams": True}

    def test_there_are_none_unless_they_are_asked_for(self) -> None:
        network = _network(network={"transport": "quic"}, topology=self._LINE)
        assert [link.datagrams for link in network.links] == [False] * 3

    def test_what_the_network_says_is_for_quic_links_that_say_nothing_else(self) -> None:
        links = [
            {"ends": ["n1", "n2"], "transport": "tcp"},
            {"ends": ["n2", "n3"], "datagrams": False},
        ]
        network = _network(network=self._ASKED, topology=self._LINE, links=links)
        assert [link.datagrams for link in network.links] == [False, False, True]
        one = [{"ends": ["n2", "n3"], "transport": "quic"}]
        network = _network(network={"datagrams": True}, topology=self._LINE, links=one)
        assert [link.datagrams for link in network.links] == [False, True, False]

    def test_a_network_without_quic_links_has_none(self) -> None:
        (told,) = _told(network={"datagrams": True}, topology=self._LINE)
        remedy = 'write transport = "quic" too, here or for a link'
        assert told == f"network.datagrams: no link is a QUIC connection; {remedy}"

    @pytest.mark.parametrize("transport", ["auto", "memory", "tcp"])
    def test_other_links_have_none(self, transport: str) -> None:
        links = [{"ends": ["n1", "n2"], "transport": transport, "datagrams": True}]
        (told,) = _told(topology=self._LINE, links=links)
        kind = {"auto": "memory"}.get(transport, transport)
        assert told == (
            f"links[0].datagrams: only QUIC links have datagrams, and this one is carried by {kind}; "
            'write transport = "quic" too, or datagrams = false'
        )

    def test_those_of_a_topology_are_told_once(self) -> None:
        (told,) = _told(topology=self._LINE | {"link": {"datagrams": True}})
        assert told.startswith("topology.link.datagrams: only QUIC links have datagrams")


def test_ten_thousand_nodes_are_no_trouble() -> None:
    network = _network(
        experiment={"name": "x", "processes": 4},
        topology={"kind": "torus", "dimensions": [100, 100]},
        flows=[{"between": "random", "count": 10_000, "size": "1 MB"}],
    )
    assert (len(network.nodes), len(network.links), len(network.flows)) == (10_000, 20_000, 10_000)
    assert network.node(10_000).address == "10.0.39.16"


def test_nodes_with_a_process_each_have_as_many() -> None:
    apart = {"isolation": "process", "ttl": True, "queues": 4, "offload": False}
    network = _network(network=apart, topology={"kind": "ring", "nodes": 3})
    assert (network.processes, [node.process for node in network.nodes]) == (3, [0, 1, 2])
    assert {link.transport for link in network.links} == {"tcp"}
    assert (network.isolation, network.ttl, network.queues, network.offload) == ("process", True, 4, False)
    again = resolve(loads(dump(network)))
    assert again == network


def test_what_does_not_go_with_namespaces_is_refused() -> None:
    three = {"kind": "ring", "nodes": 3}
    processes = {"name": "x", "processes": 2}
    assert (
        "experiment.processes: with isolation"
        in _told(experiment=processes, network={"isolation": "process"}, topology=three)[0]
    )
    ping = {"kind": "icmp", "source": "n1", "destination": "n2", "size": "1 kB", "rate": "1 kbit/s"}
    found = _told(network={"isolation": "namespace"}, topology=three, flows=[ping])
    assert "the kernel hears the replies to pings" in found[0]


@pytest.mark.parametrize(
    ("controller", "secure"),
    [
        ({}, False),
        ({"tls": True}, True),
        ({"tls": False}, False),
        ({"listen": "localhost:7700"}, False),
        ({"listen": "[::1]:0"}, False),
        ({"listen": "0.0.0.0:7700"}, True),
        ({"listen": "192.0.2.1:7700", "tls": True}, True),
        ({"listen": "[::]:0"}, True),
    ],
)
def test_tls_is_where_it_is_asked_for_and_beyond_this_machine(
    controller: dict[str, object], secure: bool
) -> None:
    network = _network(controller=controller, topology={"kind": "line", "nodes": 2})
    assert network.tls is secure
    assert resolve(loads(dump(network))) == network
