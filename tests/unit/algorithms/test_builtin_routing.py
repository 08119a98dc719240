"""The algorithms that choose routes, on networks whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nextmini.algorithms import (
    DecisionError,
    Direction,
    Flow,
    FlowSample,
    Link,
    Network,
    Node,
    Route,
    TopologyChange,
)
from nextmini.algorithms.builtin.equal_cost import EqualCost
from nextmini.algorithms.builtin.fast_reroute import FastReroute
from nextmini.algorithms.builtin.k_shortest import KShortest
from nextmini.algorithms.builtin.large_flows import LargeFlows
from nextmini.algorithms.builtin.multicommodity import Multicommodity
from nextmini.algorithms.builtin.routing import RoutingAlgorithm, assign
from nextmini.algorithms.builtin.shortest_path import ShortestPath
from nextmini.algorithms.builtin.valiant import Valiant

CHANGED = TopologyChange(links_changed=frozenset({1}))


def diamond() -> Network:
    """1-2-4 with 30 Mbit/s and 10 ms a link, 1-3-4 with 10 Mbit/s and 1 ms, 1-4 with cost 9 and 1 Mbit/s."""
    network = Network(origin="algorithm:test")
    for id, name in enumerate("abcd", 1):
        network.put_node(id, Node(id, name))
    wide, near, thin = Direction(30e6, 0.01), Direction(10e6, 0.001), Direction(1e6, 0.03)
    network.put_link(1, Link(1, 1, 2, forward=wide, backward=wide))
    network.put_link(2, Link(2, 2, 4, forward=wide, backward=wide))
    network.put_link(3, Link(3, 1, 3, forward=near, backward=near))
    network.put_link(4, Link(4, 3, 4, forward=near, backward=near))
    network.put_link(5, Link(5, 1, 4, cost=9, forward=thin, backward=thin))
    network.put_flow(1, Flow(1, "f", 1, 4, rate=40_000_000))
    return network


def routes(network: Network, pair: tuple[int, int] = (1, 4)) -> dict[tuple[int, ...], int]:
    return {route.path: route.weight for route in network.routes_between(*pair)}


@pytest.mark.parametrize(
    ("metric", "path"),
    [("cost", (1, 2, 4)), ("hops", (1, 4)), ("delay", (1, 3, 4)), ("inverse_capacity", (1, 2, 4))],
)
def test_what_is_short_depends_on_the_metric(metric: str, path: tuple[int, ...]) -> None:
    network = diamond()
    ShortestPath(ShortestPath.Parameters.model_validate({"metric": metric})).on_start(network)
    assert routes(network) == {path: 1}
    assert routes(network, (4, 1)) == {path[::-1]: 1}


def test_all_pairs_if_asked_for() -> None:
    network = diamond()
    ShortestPath(ShortestPath.Parameters(pairs="all")).on_start(network)
    assert len(network.routes) == 12


def test_too_many_pairs_are_refused() -> None:
    network = Network()
    for id in range(1, 203):
        network.put_node(id, Node(id, f"n{id}"))
    with pytest.raises(DecisionError, match="routes between all of 202 nodes are more than 40000"):
        ShortestPath(ShortestPath.Parameters(pairs="all")).on_start(network)


def test_a_changed_topology_moves_routes_and_nothing_else_does() -> None:
    network, algorithm = diamond(), ShortestPath()
    algorithm.on_start(network)
    first = network.routes_between(1, 4)[0].id
    network.take()
    algorithm.on_topology_change(network, CHANGED)
    assert not network.take(), "nothing is different"
    network.put_link(1, replace(network.links[1], up=False))
    algorithm.on_topology_change(network, CHANGED)
    assert routes(network) == {(1, 3, 4): 1}
    assert network.routes_between(1, 4)[0].id == first, "the same route, so that its flows move along"


def test_a_pair_without_any_path_keeps_its_routes() -> None:
    network, algorithm = diamond(), ShortestPath()
    algorithm.on_start(network)
    for id in (1, 3, 5):
        network.put_link(id, replace(network.links[id], up=False))
    algorithm.on_topology_change(network, CHANGED)
    assert routes(network) == {(1, 2, 4): 1}


def test_routes_of_the_scenario_are_left_alone() -> None:
    network = diamond()
    network.put_route(7, Route(7, (1, 4)))
    ShortestPath().on_start(network)
    assert routes(network) == {(1, 4): 1}


def test_a_new_flow_gets_routes() -> None:
    network, algorithm = diamond(), ShortestPath()
    algorithm.on_start(network)
    network.put_flow(2, Flow(2, "g", 2, 3, status="running"))
    algorithm.on_flow_started(network, network.flows[2])
    assert routes(network, (2, 3)) == {(2, 1, 3): 1}
    assert routes(network, (3, 2)) == {(3, 1, 2): 1}


def test_rows_become_what_is_wanted_with_as_few_changes_as_it_takes() -> None:
    network = diamond()
    for id, path in ((7, (1, 2, 4)), (8, (1, 4))):
        network.put_route(id, Route(id, path, 5, origin="computed"))
    assign(network, (1, 4), {(1, 2, 4): 5, (1, 3, 4): 2})
    decision = network.take()
    assert decision.paths == {8: (1, 3, 4)}
    assert decision.route_weights == {8: 2}
    assert len(decision) == 2
    assign(network, (1, 4), {(1, 3, 4): 2})
    assert network.take().removed_routes == {7}


def test_equal_costs_share() -> None:
    network = diamond()
    EqualCost().on_start(network)
    assert routes(network) == {(1, 2, 4): 1, (1, 3, 4): 1}
    EqualCost(EqualCost.Parameters(most=1)).on_topology_change(network, CHANGED)
    assert routes(network) == {(1, 2, 4): 1}


def test_the_k_shortest_share_by_what_they_cost() -> None:
    network = diamond()
    KShortest(KShortest.Parameters(k=3, weights="inverse_cost")).on_start(network)
    assert routes(network) == {(1, 2, 4): 100, (1, 3, 4): 100, (1, 4): 22}
    KShortest(KShortest.Parameters(k=2)).on_topology_change(network, CHANGED)
    assert routes(network) == {(1, 2, 4): 1, (1, 3, 4): 1}


def test_valiant_goes_by_way_of_every_node() -> None:
    network = diamond()
    Valiant().on_start(network)
    # Both ends give the direct path, which is over b; so does b itself.
    assert routes(network) == {(1, 2, 4): 3, (1, 3, 4): 1}
    Valiant(Valiant.Parameters(through=["c"])).on_topology_change(network, CHANGED)
    assert routes(network) == {(1, 3, 4): 1}
    few = Valiant.Parameters(most=2, seed=5)
    Valiant(few).on_topology_change(network, CHANGED)
    network.take()
    Valiant(few).on_topology_change(network, CHANGED)
    assert not network.take(), "the same draw"


def test_commodities_are_spread_as_the_links_are_wide() -> None:
    network = diamond()
    network.put_link(5, None)
    Multicommodity().on_start(network)
    assert routes(network) == {(1, 2, 4): 75, (1, 3, 4): 25}


def test_a_demand_that_is_not_known_is_refused() -> None:
    network = diamond()
    network.put_flow(2, Flow(2, "g", 2, 3))
    with pytest.raises(DecisionError, match="flow g has no rate, so its demand is not known"):
        Multicommodity(Multicommodity.Parameters(demand="rate")).on_start(network)
    Multicommodity().on_start(network)
    assert sum(routes(network, (2, 3)).values()) in range(99, 102)


def test_fast_reroute_goes_to_an_alternate_and_back() -> None:
    network, algorithm = diamond(), FastReroute()
    algorithm.on_start(network)
    assert routes(network) == {(1, 2, 4): 1}
    down = TopologyChange(links_down=frozenset({1}))
    network.put_link(1, replace(network.links[1], up=False))
    algorithm.on_topology_change(network, down)
    assert routes(network) == {(1, 3, 4): 1}
    network.put_link(3, replace(network.links[3], up=False))
    algorithm.on_topology_change(network, down)
    assert routes(network) == {(1, 4): 1}, "no alternate works, so it was searched for"
    network.put_link(1, replace(network.links[1], up=True))
    algorithm.on_topology_change(network, TopologyChange(links_up=frozenset({1})))
    assert routes(network) == {(1, 2, 4): 1}


def test_large_flows_are_placed_where_there_is_room() -> None:
    network, algorithm = diamond(), LargeFlows(LargeFlows.Parameters(most=2))
    for id in (1, 2, 3, 4):
        fast = Direction(30e6, 0.01)
        network.put_link(id, replace(network.links[id], forward=fast, backward=fast))
    # Two machines, 5 and 6, behind a; both send to machines behind d, hashed onto the same path.
    for id, name, to in ((5, "s", 1), (6, "t", 1), (7, "u", 4), (8, "v", 4)):
        network.put_node(id, Node(id, name))
        network.put_link(id + 10, Link(id + 10, id, to, forward=Direction(30e6), backward=Direction(30e6)))
    for id, ends in ((1, (5, 7)), (2, (6, 8)), (3, (5, 8))):
        network.put_flow(id, Flow(id, f"f{id}", *ends, status="running"))
    algorithm.on_start(network)
    over_b = {
        id: next(r.id for r in network.routes_between(*ends) if 2 in r.path)
        for id, ends in ((1, (5, 7)), (2, (6, 8)))
    }
    for id, rate in ((1, 15e6), (2, 15e6), (3, 1e6)):
        network.put_flow(id, replace(network.flows[id], route=over_b.get(id)))
        network.put_flow_sample(FlowSample(id, 1.0, 1.0, round(rate / 8), round(rate / 8)))
    algorithm.on_flow_metrics(network, [])
    assert network.flows[1].pinned == over_b[1], "the first one stays"
    pinned = network.flows[2].pinned
    assert pinned is not None
    assert 3 in network.routes[pinned].path, "there is no room for the second one, so it goes over c"
    assert network.flows[3].pinned is None, "it is small"
    network.take()
    algorithm.on_flow_metrics(network, [])
    assert not network.take(), "they stay where they are"


def test_a_class_without_a_choice_is_no_algorithm() -> None:
    with pytest.raises(TypeError, match="choose"):
        RoutingAlgorithm()  # type: ignore[abstract]
