"""Flows: one by one and generated, and which of them cannot be."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, ClassVar

import pytest

from nextmini.errors import ScenarioError
from nextmini.scenario import Flow, Network, Scenario, loads, resolve

_LINE = {"kind": "line", "nodes": ["a", "b", "c"]}


def _network(*flows: dict[str, Any], **tables: Any) -> Network:
    whole = {"experiment": {"name": "x"}, "topology": _LINE, "flows": list(flows), **tables}
    return resolve(Scenario.model_validate(whole))


def _told(*flows: dict[str, Any], **tables: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        _network(*flows, **tables)
    return [f"{problem.key}: {problem.message}; {problem.remedy}" for problem in caught.value.problems]


def _refused(flow: dict[str, Any]) -> list[str]:
    """What is said of a scenario that cannot even be read."""
    whole = {"experiment": {"name": "x"}, "topology": _LINE, "flows": [flow]}
    with pytest.raises(ScenarioError) as caught:
        loads(json.dumps(whole), "json")
    return [f"{problem.key}: {problem.message}; {problem.remedy}" for problem in caught.value.problems]


def test_a_flow_with_everything() -> None:
    flow = {
        "name": "bulk",
        "source": "a",
        "destination": "c",
        "kind": "lossless",
        "mode": "normal",
        "size": "1 GB",
        "rate": "50 Mbit/s",
        "weight": 2,
        "start": "1500 ms",
    }
    assert _network(flow).flows == (
        Flow(1, "bulk", 1, 3, "lossless", "normal", 10**9, None, 50_000_000, 2, 1.5),
    )


def test_a_flow_with_little() -> None:
    network = _network(
        {"source": "a", "destination": "b", "size": "1 B"},
        {"source": "b", "destination": "a", "duration": "5 s"},
    )
    assert network.flows == (
        Flow(1, "flow-1", 1, 2, "lossless", "normal", 1, None, None, 1, 0.0),
        Flow(2, "flow-2", 2, 1, "lossless", "normal", None, 5.0, None, 1, 0.0),
    )


def test_a_flow_without_end_lasts_as_long_as_the_experiment() -> None:
    flow = {"source": "a", "destination": "b"}
    (endless,) = _network(flow, experiment={"name": "x", "duration": "3 s"}).flows
    assert endless.size is None
    assert endless.duration is None
    assert "flows[0]: this flow would never end" in _told(flow)[0]


def test_random_pairs_are_all_different_while_there_are_pairs_left() -> None:
    ring = {"kind": "ring", "nodes": 10}
    network = _network({"name": "f", "between": "random", "count": 200, "size": "1 MB"}, topology=ring)
    assert [flow.name for flow in network.flows] == [f"f-{number}" for number in range(1, 201)]
    assert [flow.id for flow in network.flows] == list(range(1, 201))
    pairs = [(flow.source, flow.destination) for flow in network.flows]
    assert all(source != destination for source, destination in pairs)
    assert len(set(pairs[:90])) == 90
    assert set(Counter(pairs).values()) == {2, 3}
    assert sum(Counter(pairs).values()) == 200


def test_random_pairs_depend_on_the_seed_and_the_entry_alone() -> None:
    def pairs(seed: int, *before: dict[str, Any]) -> list[tuple[int, int]]:
        flow = {"name": "f", "between": "random", "count": 20, "size": "1 MB"}
        ring = {"kind": "ring", "nodes": 50}
        network = _network(*before, flow, experiment={"name": "x", "seed": seed}, topology=ring)
        return [(flow.source, flow.destination) for flow in network.flows if flow.name.startswith("f-")]

    assert pairs(1) == pairs(1)
    assert pairs(1) != pairs(2)
    assert pairs(1) != pairs(1, {"name": "g", "between": "random", "count": 20, "size": "1 MB"})


def test_random_pairs_are_the_same_everywhere() -> None:
    ring = {"kind": "ring", "nodes": 50}
    network = _network({"between": "random", "count": 4, "size": "1 MB"}, topology=ring)
    assert [(flow.source, flow.destination) for flow in network.flows] == [
        (1, 6),
        (27, 30),
        (40, 23),
        (50, 29),
    ]


def test_all_pairs() -> None:
    network = _network({"name": "p", "between": "all_pairs", "size": "1 MB"})
    pairs = [(flow.source, flow.destination) for flow in network.flows]
    assert pairs == [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)]


def test_one_entry_may_be_several_flows_of_the_same_pair() -> None:
    network = _network({"name": "f", "source": "a", "destination": "b", "count": 3, "size": "1 MB"})
    assert [(flow.name, flow.source, flow.destination) for flow in network.flows] == [
        ("f-1", 1, 2),
        ("f-2", 1, 2),
        ("f-3", 1, 2),
    ]


@pytest.mark.parametrize(
    ("topology", "prefixes"),
    [
        ({"kind": "fat_tree", "k": 4}, ("h",)),
        ({"kind": "leaf_spine", "leaves": 2, "spines": 2, "hosts": 2}, ("h",)),
        ({"kind": "dumbbell", "left": 2}, ("left", "right")),
    ],
)
def test_generated_flows_join_hosts_where_there_are_hosts(
    topology: dict[str, Any], prefixes: tuple[str, ...]
) -> None:
    network = _network({"between": "all_pairs", "size": "1 MB"}, topology=topology)
    ends = {network.node(node).name for flow in network.flows for node in (flow.source, flow.destination)}
    assert ends == {node.name for node in network.nodes if node.name.startswith(prefixes)}


@pytest.mark.parametrize(
    ("flow", "told"),
    [
        ({"size": "1 MB"}, 'flows[0].source: is missing; write source = "..." with the name of a node'),
        ({"source": "a", "size": "1 MB"}, 'flows[0].destination: is missing; write destination = "..." with'),
        (
            {"source": "a", "destination": "a", "size": "1 MB"},
            'flows[0].destination: this flow goes from "a" to itself',
        ),
        ({"source": "a", "destination": "d", "size": "1 MB"}, 'flows[0].destination: there is no node "d"'),
        (
            {"source": "a", "destination": "b", "size": "1 MB", "duration": "1 s"},
            "flows[0].duration: this flow has a size too; keep one of the two",
        ),
        ({"between": "random", "size": "1 MB"}, "flows[0].count: is missing; write how many flows there are"),
        ({"between": "all_pairs", "count": 3, "size": "1 MB"}, "flows[0].count: goes with random pairs only"),
        (
            {"between": "all_pairs", "source": "a", "size": "1 MB"},
            "flows[0].source: does not go with `between`, which chooses the nodes; remove one of the two",
        ),
    ],
)
def test_impossible_flows_are_refused(flow: dict[str, Any], told: str) -> None:
    assert any(one.startswith(told) for one in _told(flow)), _told(flow)


def test_a_flow_that_starts_after_the_end() -> None:
    flow = {"source": "a", "destination": "b", "size": "1 MB", "start": "3 s"}
    told = _told(flow, experiment={"name": "x", "duration": "2 s"})
    assert told == ["flows[0].start: 3 s is after the end of the experiment, 2 s; let the flow start before"]


def test_names_are_unique_over_all_entries() -> None:
    flow = {"source": "a", "destination": "b", "size": "1 MB"}
    told = _told({"name": "x", "between": "all_pairs", "size": "1 MB"}, {"name": "x-3", **flow})
    assert told[0].startswith('flows[1].name: "x-3" is also the name of a flow of flows[0]')


class TestDisconnected:
    _APART: ClassVar[dict[str, Any]] = {
        "topology": {"kind": "custom", "nodes": 4},
        "links": [{"ends": ["n1", "n2"]}],
    }

    def test_a_flow_between_two_parts(self) -> None:
        told = _told({"source": "n1", "destination": "n3", "size": "1 MB"}, **self._APART)
        assert told == [
            (
                'flows[0].destination: there is no path from "n1" to "n3"; '
                "add links that join them, or choose other nodes"
            )
        ]

    def test_generated_flows_between_two_parts_are_told_once(self) -> None:
        told = _told({"between": "all_pairs", "size": "1 MB"}, **self._APART)
        assert len(told) == 1
        assert told[0].startswith('flows[0].between: there is no path from "n1" to "n3"')

    def test_nodes_that_no_flow_needs_may_be_apart(self) -> None:
        assert _network({"source": "n2", "destination": "n1", "size": "1 MB"}, **self._APART).flows


class TestHopLimit:
    _RING: ClassVar[dict[str, Any]] = {"topology": {"kind": "ring", "nodes": 10}}

    def test_a_flow_that_cannot_arrive_is_refused(self) -> None:
        flow = {"source": "n1", "destination": "n6", "size": "1 MB"}
        told = _told(flow, network={"hop_limit": 4}, **self._RING)
        assert told == [
            (
                'flows[0].destination: from "n1" to "n6" it is 5 links, and network.hop_limit is 4; '
                "write a higher hop_limit, or leave it out"
            )
        ]
        assert _network(flow, network={"hop_limit": 5}, **self._RING).flows

    def test_generated_flows_are_looked_at_too(self) -> None:
        flow = {"between": "all_pairs", "size": "1 MB"}
        assert _told(flow, network={"hop_limit": 4}, **self._RING)[0].startswith("flows[0].between: from")
        assert len(_network(flow, network={"hop_limit": 5}, **self._RING).flows) == 90


def test_too_many_flows_are_refused_before_they_are_made() -> None:
    ring = {"kind": "ring", "nodes": 5000}
    told = _told({"between": "all_pairs", "size": "1 MB"}, topology=ring)
    assert told == ["flows[0].between: 5,000 nodes have 24,995,000 pairs; keep to 1,000,000 flows"]


def test_one_node_has_no_pairs() -> None:
    told = _told({"between": "all_pairs", "size": "1 MB"}, topology={"kind": "custom", "nodes": 1})
    assert told[0].startswith("flows[0].between: there is only one node")


def _max(**keys: Any) -> dict[str, Any]:
    return {"source": "a", "destination": "c", "mode": "max", "size": "1 MB", **keys}


def test_a_flow_in_max_mode_crosses_links_that_have_a_rate() -> None:
    links = [{"ends": ["b", "c"], "rate": "10 Mbit/s", "queue": "50 packets", "discipline": "drr"}]
    (flow,) = _network(_max(), links=links).flows
    assert (flow.kind, flow.mode) == ("lossless", "max")


@pytest.mark.parametrize("key", ["delay", "jitter", "loss", "duplicate", "reorder", "corrupt", "drop"])
@pytest.mark.parametrize("ends", [["b", "c"], ["c", "b"]])
def test_nothing_else_is_asked_of_links_of_flows_in_max_mode(key: str, ends: list[str]) -> None:
    usual = {"delay": "1 ms", "jitter": "1 ms", "drop": "codel"}
    settings = {key: usual.get(key, "1 %")} | ({"delay": "5 ms"} if key in ("jitter", "reorder") else {})
    said = "delay" if "delay" in settings else key
    (problem,) = _told(_max(), links=[{"ends": ends, **settings}])
    assert f"may be over the link b - c, which is asked for `{said}`; write mode" in problem


def test_the_kernel_encrypts_nothing_for_flows_in_max_mode() -> None:
    (problem,) = _told(_max(), links=[{"ends": ["c", "b"], "transport": "tls"}])
    assert 'may be over the link b - c, which is asked for `transport = "tls"`; write mode' in problem
    assert _network(_max(destination="b"), links=[{"ends": ["b", "c"], "transport": "tls"}]).flows


def test_what_a_flow_in_max_mode_does_not_cross_may_be_asked_for_anything() -> None:
    slow = {"ends": ["b", "c"], "delay": "1 ms"}
    assert _network(_max(destination="b"), links=[slow]).flows
    # Round by the other way, which its route takes, or a cheapest path does.
    topology = {"kind": "ring", "nodes": ["a", "b", "c", "d"]}
    (problem,) = _told(_max(), topology=topology, links=[slow])
    assert "may be over the link b - c" in problem
    route = {"path": ["a", "d", "c"]}
    assert _network(_max(), topology=topology, links=[slow], routes=[route]).flows
    dear = slow | {"cost": 2}
    assert _network(_max(), topology=topology, links=[dear]).flows


def test_max_mode_is_for_lossless_flows() -> None:
    (problem,) = _told(_max(kind="udp", rate="1 Mbit/s"))
    assert problem.startswith('flows[0].mode: does not go with kind = "udp"')


class TestTcp:
    _TCP: ClassVar[dict[str, Any]] = {"source": "a", "destination": "c", "kind": "tcp"}

    def test_what_is_not_said_is_as_usual(self) -> None:
        (flow,) = _network({**self._TCP, "size": "1 MB"}).flows
        assert flow == Flow(
            *(1, "flow-1", 1, 3, "tcp", "normal", 10**6, None, None, 1, 0.0),
            congestion="cubic",
            family="ipv4",
        )

    def test_all_that_may_be_said(self) -> None:
        said = {"duration": "2 s", "rate": "5 Mbit/s", "start": "1 s", "congestion": "none", "family": "ipv6"}
        (flow,) = _network({**self._TCP, **said}).flows
        assert (flow.duration, flow.rate, flow.start) == (2.0, 5_000_000, 1.0)
        assert (flow.congestion, flow.family, flow.packets) == ("none", "ipv6", False)

    def test_it_lasts_as_long_as_the_experiment_or_has_an_end(self) -> None:
        (flow,) = _network(self._TCP, experiment={"name": "x", "duration": "3 s"}).flows
        assert (flow.size, flow.duration) == (None, None)
        assert "flows[0]: this flow would never end" in _told(self._TCP)[0]

    def test_generated_flows_have_it_too(self) -> None:
        flows = _network({"kind": "tcp", "between": "all_pairs", "size": "1 MB", "congestion": "reno"}).flows
        assert {(flow.kind, flow.congestion) for flow in flows} == {("tcp", "reno")}

    @pytest.mark.parametrize(
        ("key", "value", "told"),
        [
            ("weight", 2, 'does not go with kind = "tcp"; remove it, or write kind = "lossless"'),
            ("packet_size", 100, 'does not go with kind = "tcp"; remove it, or write kind = "udp"'),
            ("arrival", "poisson", 'does not go with kind = "tcp"; remove it, or write kind = "udp"'),
            ("ecn", True, 'does not go with kind = "tcp"; remove it, or write kind = "udp"'),
            ("mode", "max", 'does not go with kind = "tcp"; remove it: max mode is for lossless flows'),
        ],
    )
    def test_what_is_refused(self, key: str, value: object, told: str) -> None:
        (problem,) = _told({**self._TCP, "size": "1 MB", key: value})
        assert problem.startswith(f"flows[0].{key}: {told}")

    @pytest.mark.parametrize(
        ("key", "value", "remedy"),
        [
            ("congestion", "bbr", 'write "cubic", "reno" or "none"'),
            ("family", "inet", 'write "ipv4" or "ipv6"'),
        ],
    )
    def test_what_is_not_known_is_refused(self, key: str, value: str, remedy: str) -> None:
        assert _refused({**self._TCP, "size": "1 MB", key: value}) == [
            f'flows[0].{key}: "{value}" is not possible; {remedy}'
        ]

    @pytest.mark.parametrize("kind", ["lossless", "udp", "icmp"])
    @pytest.mark.parametrize(("key", "value"), [("congestion", "cubic"), ("family", "ipv4")])
    def test_other_kinds_have_none_of_it(self, kind: str, key: str, value: str) -> None:
        flow = {**self._TCP, "kind": kind, "size": "1 MB", "rate": "1 Mbit/s", key: value}
        told = f'flows[0].{key}: does not go with kind = "{kind}"; remove it, or write kind = "tcp"'
        assert _told(flow) == [told]

    def test_keys_are_not_blamed_for_a_kind_that_is_not_known(self) -> None:
        flow = {**self._TCP, "kind": "tpc", "size": "1 MB", "congestion": "reno", "family": "ipv6"}
        (problem,) = _refused(flow)
        assert problem.startswith("flows[0].kind:")
