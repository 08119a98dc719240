"""The view: what a change touches besides the row that changed."""

from __future__ import annotations

from nextmini.controller.view import Dirty, NetworkView

from .rows import flow, line, link, node, put, route, view


def test_a_new_network_is_dirty_as_a_whole() -> None:
    made = NetworkView()
    dirty = put(made, node(1), node(2), link(1, 1, 2), route(1, 1, 2), flow(1, 1, 2))
    assert dirty == Dirty({1, 2}, {1}, {1}, {1})


def test_a_node_that_moves_takes_its_links_routes_and_flows_along() -> None:
    made = line(0, 0, 0, 0)
    put(made, route(1, 1, 2, 3), route(2, 3, 4), flow(1, 1, 3), flow(2, 3, 4), flow(3, 1, 2))
    assert put(made, node(2, process=1)) == Dirty({2}, {1, 2}, {1}, {3})
    assert made.nodes_of_process(1) == {2}
    assert made.processes() == {0, 1}


def test_a_node_that_only_changes_a_setting_touches_nothing_else() -> None:
    made = line(0, 0)
    put(made, route(1, 1, 2), flow(1, 1, 2))
    assert put(made, node(1, hop_limit=9)) == Dirty(nodes={1})


def test_a_link_that_comes_or_goes_touches_the_routes_over_it() -> None:
    made = line(0, 0, 0)
    put(made, route(1, 1, 2, 3), route(2, 3, 2, 1), route(3, 2, 3), route(4, 1, 3))
    assert made.replace({}, {1: None}, {}, {}) == Dirty(links={1}, routes={1, 2})
    assert put(made, link(9, 3, 1)) == Dirty(links={9}, routes={4})


def test_a_link_that_only_changes_a_setting_touches_no_route() -> None:
    made = line(0, 0, 0)
    put(made, route(1, 1, 2, 3))
    assert put(made, link(1, 1, 2, cost=9.0)) == Dirty(links={1})


def test_a_pair_with_two_links_keeps_one_when_the_other_goes() -> None:
    made = view(node(1), node(2), link(1, 1, 2), link(2, 2, 1))
    made.replace({}, {1: None}, {}, {})
    assert made.links_between == {(1, 2): {2}}
    made.replace({}, {2: None}, {}, {})
    assert made.links_between == {}


def test_routes_are_found_by_their_pair_in_their_direction() -> None:
    made = line(0, 0, 0)
    put(made, route(1, 1, 2, 3), route(2, 3, 2, 1))
    assert made.routes_between == {(1, 3): {1}, (3, 1): {2}}
    put(made, route(1, 1, 2))
    assert made.routes_between == {(1, 2): {1}, (3, 1): {2}}
    made.replace({}, {}, {1: None, 2: None}, {})
    assert made.routes_between == {}


def test_flows_between_two_nodes_have_that_direction() -> None:
    made = line(0, 0)
    put(made, flow(1, 1, 2), flow(2, 2, 1), flow(3, 1, 2))
    assert sorted(made.flows_between(1, 2)) == [1, 3]
    made.replace({}, {}, {}, {1: None})
    assert made.flows_between(1, 2) == [3]
    assert made.flows_between(5, 6) == []


def test_everything_of_a_process_that_comes_back() -> None:
    made = line(0, 0, 1, 1)
    put(made, route(1, 1, 2), route(2, 2, 3, 4), flow(1, 1, 2), flow(2, 4, 1))
    assert made.touching(made.nodes_of_process(1)) == Dirty({3, 4}, {2, 3}, {2}, {2})
