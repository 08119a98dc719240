"""What an algorithm sees of a network, and what it records on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nextmini.algorithms import Flow, Link, LinkSample, Network, Node, Route
from nextmini.algorithms.decision import Decision, NewFlow, NewRoute, NewSettings
from nextmini.errors import DecisionError

if TYPE_CHECKING:
    from collections.abc import Callable

A, B, C, D = 1, 2, 3, 4


@pytest.fixture
def network() -> Network:
    """A ring of four: links 1 (a-b), 2 (b-c), 3 (c-d), 4 (d-a); flow 1 from a to c, and its route over b."""
    made = Network(interval=0.1, origin="algorithm:test")
    for id, name in enumerate("abcd", 1):
        made.put_node(id, Node(id, name))
    for id, (a, b) in enumerate([(A, B), (B, C), (C, D), (D, A)], 1):
        made.put_link(id, Link(id, a, b))
    made.put_route(7, Route(7, (A, B, C), status="installed"))
    made.put_flow(1, Flow(1, "f", A, C, status="running"))
    return made


def test_rows_are_found_by_what_they_join(network: Network) -> None:
    assert network.node_named("c").id == C
    assert network.link_between(B, A) == network.links[1] == network.link_between(A, B)
    assert network.link_between(A, C) is None
    assert [link.id for link in network.links_at(A)] == [1, 4]
    assert [(link.id, node) for link, node in network.links_of((C, B, A))] == [(2, C), (1, B)]
    assert [route.id for route in network.routes_between(A, C)] == [7]
    assert network.routes_of(1) == [network.routes[7]]
    assert network.routes_between(C, A) == []
    assert network.links[2].direction(B) is network.links[2].forward
    assert network.links[2].other(C) == B
    with pytest.raises(ValueError, match="node 1 is no end of link 2"):
        network.links[2].direction(A)


def test_rows_that_go_are_found_no_more(network: Network) -> None:
    network.put_link(1, None)
    network.put_node(B, None)
    network.put_route(7, None)
    network.put_flow(1, None)
    assert network.link_between(A, B) is None
    assert [link.id for link in network.links_at(A)] == [4]
    assert network.routes_between(A, C) == []
    assert network.flows_between(A, C) == []
    with pytest.raises(KeyError):
        network.node_named("b")
    assert network.links_of((A, B, C)) == [(network.links[2], B)]
    assert not network.works((A, B, C))
    assert network.works((A, D, C))


def test_a_path_works_while_everything_on_it_is_up(network: Network) -> None:
    assert network.works((A, B, C))
    network.put_link(1, replace(network.links[1], up=False))
    assert not network.works((A, B, C))
    network.put_link(1, replace(network.links[1], up=True))
    network.put_node(C, replace(network.nodes[C], up=False))
    assert not network.works((A, B, C))


def test_what_was_not_measured_lately_is_nothing(network: Network) -> None:
    network.put_link_sample(LinkSample(1, A, time=5.0, seconds=0.1, bytes=125_000, packets=100))
    network.time = 5.0
    assert network.throughput(1, A) == 10_000_000
    assert network.throughput(1, B) == 0
    network.time = 5.3
    assert network.throughput(1, A) == 0


def test_a_new_route_is_there_at_once_and_pinned_in_the_same_decision(network: Network) -> None:
    route = network.add_route([A, D, C], weight=3)
    network.pin(network.flows[1], route)
    assert route.id < 0
    assert network.routes[route.id].origin == "algorithm:test"
    assert network.flows[1].pinned == route.id
    assert network.routes_of(1) == [route]
    decision = network.take()
    assert decision == Decision(new_routes={route.id: NewRoute((A, D, C), 3)}, pins={1: route.id})
    assert len(decision) == 2
    assert not network.take()


def test_a_committed_route_is_known_by_both_numbers(network: Network) -> None:
    route = network.add_route([A, D, C])
    network.pin(1, route)
    network.take()
    network.committed({route.id: 9}, {})
    assert network.routes[route.id] == network.routes[9] == replace(route, id=9)
    assert network.flows[1].pinned == 9
    assert sorted(network.routes) == [7, 9]
    network.pin(1, route)
    assert not network.take(), "it is pinned to that one already"
    network.set_weight(route, 5)
    assert network.take().route_weights == {9: 5}
    network.remove_route(route)
    assert network.take() == Decision(removed_routes={9}, pins={1: None})
    assert route.id not in network.routes


def test_what_is_taken_back_before_it_is_written_is_no_decision(network: Network) -> None:
    route = network.add_route([A, D, C])
    network.set_path(route, [A, B, C])
    network.set_weight(route, 9)
    assert network.take().new_routes == {route.id: NewRoute((A, B, C), 9)}
    other = network.add_route([A, D, C])
    network.remove_route(other)
    flow = network.add_flow("g", A, B, size=1000)
    network.set_rate(flow, 5e6)
    network.remove_flow(flow)
    assert not network.take()


def test_a_pin_to_a_route_that_goes_is_gone_before_it_is_written(network: Network) -> None:
    network.pin(1, 7)
    network.take()
    network.pin(1, network.add_route([A, D, C]))
    network.remove_route(min(network.routes))
    assert network.take() == Decision(pins={1: None})


def test_changes_of_rows_are_seen_at_once(network: Network) -> None:
    network.set_path(7, [A, D, C])
    network.set_weight(7, 4)
    network.set_rate(1, 2_500_000.4)
    network.set_flow_weight(1, 6)
    network.set_cost(2, 2.5)
    assert network.routes[7].path == (A, D, C)
    assert network.routes[7].status == "pending"
    assert (network.flows[1].rate, network.flows[1].weight) == (2_500_000, 6)
    assert network.links[2].cost == 2.5
    assert network.take() == Decision(
        paths={7: (A, D, C)}, route_weights={7: 4}, rates={1: 2_500_000}, flow_weights={1: 6}, costs={2: 2.5}
    )


def test_what_is_so_already_is_no_change(network: Network) -> None:
    network.set_path(7, [A, B, C])
    network.set_weight(7, 1)
    network.set_rate(1, None)
    network.set_flow_weight(1, 1)
    network.set_cost(2, 1)
    network.set_link(2, up=True)
    network.set_link(2, B, delay="0 ms")
    network.unpin(1)
    assert not network.take()


def test_a_links_settings_are_in_the_words_of_a_scenario(network: Network) -> None:
    network.set_link(1, rate="10 Mbit/s", delay="5 ms")
    network.set_link(1, B, loss="1 %")
    network.set_link(1, up=False)
    link = network.links[1]
    assert (link.forward.rate, link.forward.delay, link.forward.loss) == (10e6, 0.005, 0.0)
    assert (link.backward.rate, link.backward.loss) == (10e6, 0.01)
    assert link.backward.settings == {"rate": "10 Mbit/s", "delay": "5 ms", "loss": "1 %"}
    assert not link.up
    assert network.take().links == {
        1: NewSettings(
            up=False,
            forward={"rate": "10 Mbit/s", "delay": "5 ms"},
            backward={"rate": "10 Mbit/s", "delay": "5 ms", "loss": "1 %"},
        )
    }
    network.set_link(1, A, rate=None)
    assert network.links[1].forward.rate is None
    assert network.take().links[1].forward == {"rate": None}


def test_losses_that_follow_a_model_are_no_share(network: Network) -> None:
    network.set_link(1, loss={"pattern": "0001"})
    assert network.links[1].forward.loss is None


def test_a_new_flow_is_there_at_once(network: Network) -> None:
    flow = network.add_flow("g", network.nodes[A], D, kind="udp", rate=1_000_000, duration=2.0)
    network.set_flow_weight(flow, 3)
    assert network.flows_between(A, D) == [replace(flow, weight=3)]
    taken = network.take()
    assert taken.new_flows == {
        flow.id: NewFlow("g", A, D, "udp", size=None, duration=2.0, rate=1_000_000, weight=3)
    }
    network.committed({}, {flow.id: 12})
    assert network.flows[12].name == network.flows[flow.id].name == "g"
    network.remove_flow(flow)
    assert network.take() == Decision(removed_flows={12})


REFUSED: list[tuple[Callable[[Network], object], str]] = [
    (lambda n: n.add_route([A]), "a path of 1 nodes is not possible"),
    (lambda n: n.add_route([A, 99]), "cannot have node 99: there is none"),
    (lambda n: n.add_route([A, B, A]), "path a b a comes to a node twice"),
    (lambda n: n.add_route([A, C]), "path a c: there is no link between a and c"),
    (lambda n: n.add_route([A, B], weight=0), "cannot have the weight 0"),
    (lambda n: n.set_path(7, [A, B]), r"route 7 \(a b c\) cannot be a b: it has other ends"),
    (lambda n: n.set_path(8, [A, B]), "there is no route 8"),
    (lambda n: n.set_weight(7, 65_536), "route 7 cannot have the weight 65536"),
    (lambda n: n.pin(2, 7), "there is no flow 2"),
    (lambda n: n.pin(1, n.add_route([A, B])), "flow f cannot be pinned to route -1.*: it goes from a to c"),
    (lambda n: n.set_rate(1, 0), "flow f cannot send 0 bit/s"),
    (lambda n: n.set_rate(1, float("nan")), "flow f cannot send nan bit/s"),
    (lambda n: n.set_flow_weight(1, True), "flow f cannot have the weight True"),
    (lambda n: n.set_cost(1, 0), "link a - b cannot cost 0"),
    (lambda n: n.set_cost(9, 1), "there is no link 9"),
    (lambda n: n.set_link(1, rate="fast"), "link a - b: forward: rate: "),
    (lambda n: n.set_link(1, C, rate="1 Mbit/s"), "c is no end of link a - b"),
    (lambda n: n.set_link(1, speed="1 Mbit/s"), "speed: unknown key"),
    (lambda n: n.add_flow("f", A, B), "no further flow called 'f'"),
    (lambda n: n.add_flow("g", A, A), "flow g cannot go from a to itself"),
    (lambda n: n.add_flow("g", A, B, kind="x"), "flow g: there is no kind 'x'"),
    (lambda n: n.add_flow("g", A, B, kind="udp"), "flow g: a flow of kind udp has a rate"),
    (lambda n: n.add_flow("g", A, B, size=0), "flow g cannot have a size of 0"),
]


@pytest.mark.parametrize(("change", "reason"), REFUSED)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    network: Network, change: Callable[[Network], object], reason: str
) -> None:
    before = dict(network.links)
    with pytest.raises(DecisionError, match=reason):
        change(network)
    decision = network.take()
    assert not (decision.pins or decision.rates or decision.links or decision.new_flows)
    assert dict(network.links) == before


def test_rows_may_be_changed_while_one_goes_through_them(network: Network) -> None:
    for link in network.links.values():
        network.set_cost(link, 7)
    for node in network.nodes.values():
        network.put_node(node.id, replace(node, up=False))
    for route in network.routes.values():
        network.set_weight(route, 7)
    for flow in network.flows.values():
        network.set_flow_weight(flow, 7)
    assert {link.cost for link in network.links.values()} == {7}
    assert list(network.links) == [1, 2, 3, 4]
