"""The view: what a change touches besides the row that changed."""

from __future__ import annotations

from dataclasses import replace

from nextmini.controller.view import Dirty, NetworkView
from nextmini.protocol import LARGEST_CHUNK
from nextmini.scenario import Class

from .rows import flow, line, link, node, put, route, trace, view


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


def test_a_node_that_goes_down_takes_its_links_along() -> None:
    made = line(0, 0, 0, 0)
    put(made, route(1, 1, 2, 3))
    assert put(made, node(2, up=False)) == Dirty(nodes={2}, links={1, 2})
    assert put(made, node(2, up=False, hop_limit=3)) == Dirty(nodes={2})


def test_the_processes_of_a_path() -> None:
    made = view(node(1), node(2), link(1, 1, 2))
    assert made.processes_of((1, 2)) == {0}
    put(made, node(3, process=4), node(4, process=2), link(2, 2, 3))
    assert made.processes_of((1, 2)) == {0}
    assert made.processes_of((1, 2, 3)) == {0, 4}


def test_chunks_are_the_largest_again_when_no_link_is_slow() -> None:
    made = view(node(1), node(2), link(1, 1, 2, forward={"rate": "10 Mbit/s"}))
    assert made.chunk((1, 2)) < made.chunk((2, 1))
    put(made, link(1, 1, 2))
    assert made.chunk((1, 2)) == made.chunk((2, 1)) == LARGEST_CHUNK


def test_a_link_whose_chunks_change_touches_the_routes_over_it() -> None:
    made = line(0, 0, 0)
    put(made, route(1, 1, 2, 3), route(2, 3, 2))
    assert put(made, link(1, 1, 2, forward={"delay": "9 ms"})) == Dirty(links={1})
    assert put(made, link(1, 1, 2, forward={"loss": "1 %"})) == Dirty(links={1}, routes={1})
    assert put(made, link(1, 1, 2, forward={"loss": "2 %"})) == Dirty(links={1})
    assert put(made, link(1, 1, 2)) == Dirty(links={1}, routes={1})


class TestFlaws:
    def test_what_cannot_be_used_leaves_the_link_as_it_was(self) -> None:
        made = line(0, 0)
        good = link(1, 1, 2, "memory", forward={"rate": "5 Mbit/s"})
        put(made, good)
        put(made, link(1, 1, 2, "tcp", flaw="no"))
        assert made.links[1] == replace(good, flaw="no")
        assert made.stands(1)
        put(made, link(1, 1, 2, "tcp", flaw="still no"))
        assert made.links[1] == replace(good, flaw="still no")
        put(made, link(1, 1, 2, "tcp"))
        assert made.links[1] == link(1, 1, 2, "tcp")
        assert not made.stands(1)

    def test_a_link_that_never_could_be_used_is_told_apart(self) -> None:
        made = view(node(1), node(2), link(1, 1, 2, flaw="no"))
        assert (made.links[1].flaw, made.unusable, made.stands(1)) == ("no", {1}, False)
        put(made, link(1, 1, 2, flaw="still no"))
        assert made.unusable == {1}
        put(made, link(1, 1, 2))
        assert made.unusable == set()

    def test_a_trace_that_is_not_there_is_one_until_it_comes(self) -> None:
        made = line(0, 0, 0)
        put(made, route(1, 1, 2, 3))
        assert put(made, link(1, 1, 2, forward={"trace": 7})) == Dirty(links={1})
        assert made.links[1] == link(1, 1, 2, "memory", flaw="forward.trace: there is no trace 7")
        assert put(made, trace(7, 100_000_000)) == Dirty(links={1}, routes={1}, traces={7})
        assert made.links[1] == link(1, 1, 2, forward={"trace": 7})
        assert made.chunk((1, 2)) == 12_500

    def test_a_trace_that_goes_leaves_its_links_as_they_were(self) -> None:
        made = view(node(1), node(2), trace(7, 5), link(1, 1, 2, backward={"trace": 7}))
        dirty = made.replace({}, {}, {}, {}, {}, {7: None})
        assert (dirty.links, dirty.traces) == ({1}, {7})
        expected = link(1, 1, 2, backward={"trace": 7}, flaw="backward.trace: there is no trace 7")
        assert made.links[1] == expected


def test_a_trace_that_changes_touches_its_links_and_no_others() -> None:
    made = line(0, 0, 0)
    put(made, trace(1, 5), trace(2, 5), link(1, 1, 2, forward={"trace": 1}))
    assert put(made, trace(1, 6)) == Dirty(links={1}, traces={1})
    assert put(made, trace(2, 6)) == Dirty(traces={2})


def test_classes_are_told_as_a_whole() -> None:
    made = line(0, 0)
    assert put(made, Class(1, None, None, 17, None, None, 2)) == Dirty(classes=True)
    assert made.replace({}, {}, {}, {}, {1: None}) == Dirty(classes=True)
    assert made.classes == {}
