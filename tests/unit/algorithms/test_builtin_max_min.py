"""Rates by water-filling, as they are set on flows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nextmini.algorithms import Direction, Flow, Link, Network, Node, Route
from nextmini.algorithms.builtin.max_min import MaxMin

NO_HEADERS = MaxMin.Parameters.model_validate({"headers": "0 %"})


@pytest.fixture
def line() -> Network:
    """a - b with 30 Mbit/s, b - c with 20; one flow over both, one over each."""
    network = Network()
    for id, name in enumerate("abc", 1):
        network.put_node(id, Node(id, name))
    network.put_link(1, Link(1, 1, 2, forward=Direction(30e6), backward=Direction(30e6)))
    network.put_link(2, Link(2, 2, 3, forward=Direction(20e6), backward=Direction(20e6)))
    for id, path in ((1, (1, 2, 3)), (2, (1, 2)), (3, (2, 3))):
        network.put_route(id, Route(id, path, status="installed"))
        network.put_flow(id, Flow(id, f"f{id}", path[0], path[-1], status="running", route=id))
    return network


def test_rates_are_of_data(line: Network) -> None:
    MaxMin(NO_HEADERS).on_start(line)
    assert {id: flow.rate for id, flow in line.flows.items()} == {1: 10_000_000, 2: 20_000_000, 3: 10_000_000}
    MaxMin(MaxMin.Parameters.model_validate({"headers": "10 %"})).on_start(line)
    assert line.flows[2].rate == 18_000_000


def test_who_ends_leaves_its_share_to_the_others(line: Network) -> None:
    algorithm = MaxMin(NO_HEADERS)
    algorithm.on_start(line)
    line.put_flow(1, replace(line.flows[1], status="completed"))
    algorithm.on_flow_finished(line, line.flows[1])
    assert (line.flows[2].rate, line.flows[3].rate) == (30_000_000, 20_000_000)
    line.take()
    algorithm.on_flow_metrics(line, [])
    assert not line.take(), "nothing is different"


def test_a_flow_without_a_bound_has_no_rate(line: Network) -> None:
    line.put_link(1, replace(line.links[1], forward=Direction()))
    line.put_flow(2, replace(line.flows[2], rate=5))
    MaxMin(NO_HEADERS).on_start(line)
    assert line.flows[2].rate is None


def test_limits_by_name(line: Network) -> None:
    MaxMin(MaxMin.Parameters.model_validate({"headers": "0 %", "limits": {"f1": "4 Mbit/s"}})).on_start(line)
    assert {id: flow.rate for id, flow in line.flows.items()} == {1: 4_000_000, 2: 26_000_000, 3: 16_000_000}


def test_waiting_flows_and_those_whose_route_is_not_known_have_no_claim(line: Network) -> None:
    line.put_flow(1, replace(line.flows[1], status="waiting"))
    line.put_flow(3, replace(line.flows[3], route=None))
    MaxMin(NO_HEADERS).on_start(line)
    assert {id: flow.rate for id, flow in line.flows.items()} == {1: None, 2: 30_000_000, 3: None}
