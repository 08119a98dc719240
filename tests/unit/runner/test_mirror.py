"""From rows to the network that an algorithm sees, and to what has happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.algorithms import Network, TopologyChange
from nextmini.runner.mirror import Mirror
from nextmini.scenario import Direction
from nextmini.scenario.network import Flow, Link, Node, Route
from nextmini.store import (
    Actual,
    Desired,
    FlowMetric,
    FlowState,
    LinkMetric,
    LinkState,
    NodeState,
    RouteState,
)
from nextmini.store.rows import Marks, News

if TYPE_CHECKING:
    from nextmini.runner.mirror import Happened

BEGAN = 1_000.0
NODES = {id: Node(id, name, f"10.0.0.{id}", 1, "sequential", 9, 0) for id, name in enumerate("abc", 1)}
LINKS = {id: Link(id, a, b, "memory", 1.0, "cubic") for id, (a, b) in enumerate([(1, 2), (2, 3)], 1)}
ROUTES = {5: Route(5, (1, 2, 3), 2, "computed")}
FLOWS = {7: Flow(7, "f", 1, 3, "lossless", "normal", 1000, None, None, 1, 0.0)}
ALL = ("nodes", "links", "routes", "flows", "flow_routes", *(f"{k}_state" for k in ("node", "link", "route")))


def news(looked_at: dict[str, Any], desired: Desired | None = None, **more: Any) -> News:
    made = News(desired or Desired(), Actual(), looked_at, [], [], Marks(), None)
    return replace(made, **more)


def up(kind: str, *ids: int, status: str = "up") -> dict[int, Any]:
    if kind == "node":
        return {id: NodeState(id, 0, 1, status) for id in ids}
    return {id: LinkState(id, 1, status) for id in ids}


@pytest.fixture
def network() -> Network:
    return Network(interval=0.1)


@pytest.fixture
def mirror(network: Network) -> Mirror:
    made = Mirror(network, BEGAN)
    everything = dict.fromkeys((*ALL, "flow_state"))
    states = Actual(
        nodes=up("node", 1, 2, 3), links=up("link", 1, 2), routes={5: RouteState(5, 1, "installed")}
    )
    made.take(news(everything, Desired(NODES, LINKS, ROUTES, FLOWS, {7: 5}), actual=states))
    return made


def ids(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


def test_rows_become_what_an_algorithm_sees(network: Network, mirror: Mirror) -> None:
    assert [(node.name, node.up) for node in network.nodes.values()] == [
        ("a", True),
        ("b", True),
        ("c", True),
    ]
    assert all(link.up and link.enabled for link in network.links.values())
    assert (network.routes[5].status, network.routes[5].origin) == ("installed", "computed")
    flow = network.flows[7]
    assert (flow.status, flow.pinned, flow.size) == ("waiting", 5, 1000)


def changed(mirror: Mirror, *arguments: Any, **more: Any) -> TopologyChange:
    return mirror.take(news(*arguments, **more)).change


def test_what_happens_to_links_is_told_apart(network: Network, mirror: Mirror) -> None:
    down = {1: replace(LINKS[1], up=False)}
    assert changed(mirror, {"links": ids(1)}, Desired(links=down)) == TopologyChange(links_down=ids(1))
    assert not network.links[1].enabled
    assert changed(mirror, {"links": ids(1)}, Desired(links=LINKS)) == TopologyChange(links_up=ids(1))
    slow = {2: replace(LINKS[2], forward=Direction.model_validate({"rate": "1 Mbit/s"}))}
    assert changed(mirror, {"links": ids(2)}, Desired(links=slow)) == TopologyChange(links_changed=ids(2))
    assert network.links[2].forward.rate == 1_000_000
    broken = Actual(links=up("link", 2, status="down"))
    assert changed(mirror, {"link_state": ids(2)}, actual=broken) == TopologyChange(links_down=ids(2))
    gone = changed(mirror, {"links": ids(2), "link_state": ids(2)})
    assert gone == TopologyChange(links_removed=ids(2))
    assert not changed(mirror, {"links": ids(1)}, Desired(links=LINKS))


def test_a_link_that_is_told_anew_is_not_down_meanwhile(network: Network, mirror: Mirror) -> None:
    for status in ("pending", "up"):
        assert not changed(mirror, {"link_state": ids(1)}, actual=Actual(links=up("link", 1, status=status)))
    assert network.links[1].up
    new = {3: Link(3, 1, 3, "memory", 1.0, "cubic")}
    added = changed(mirror, {"links": ids(3)}, Desired(links=new))
    assert added == TopologyChange(links_added=ids(3))
    pending = Actual(links=up("link", 3, status="pending"))
    assert not changed(mirror, {"link_state": ids(3)}, actual=pending)
    assert not network.links[3].up
    there = changed(mirror, {"link_state": ids(3)}, actual=Actual(links=up("link", 3)))
    assert there == TopologyChange(links_up=ids(3))


def test_links_go_down_with_their_nodes(mirror: Mirror) -> None:
    down = {2: replace(NODES[2], up=False)}
    assert changed(mirror, {"nodes": ids(2)}, Desired(nodes=down)) == TopologyChange(
        nodes_down=ids(2), links_down=ids(1, 2)
    )
    removed = changed(mirror, {"nodes": ids(2), "links": ids(1, 2)})
    assert removed == TopologyChange(nodes_removed=ids(2), links_removed=ids(1, 2))


def flow_news(mirror: Mirror, status: str, **facts: Any) -> Happened:
    state = {7: FlowState(7, 1, status, **facts)}
    return mirror.take(news({"flow_state": ids(7)}, actual=Actual(flows=state)))


def test_flows_begin_and_end_once(network: Network, mirror: Mirror) -> None:
    happened = flow_news(mirror, "running", route=5)
    assert ([flow.id for flow in happened.started], happened.finished) == ([7], [])
    assert network.flows[7].route == 5
    assert not flow_news(mirror, "running", bytes=10, route=5)
    happened = flow_news(mirror, "completed", bytes=1000)
    assert ([flow.status for flow in happened.finished], happened.started) == (["completed"], [])
    assert network.flows[7].bytes == 1000
    assert not flow_news(mirror, "completed", bytes=1000)
    assert not mirror.take(news({"flows": ids(7)})), "its end was told already"


def test_a_flow_that_came_and_went_is_told_as_both(mirror: Mirror) -> None:
    happened = flow_news(mirror, "failed", reason="so")
    assert (
        [flow.status for flow in happened.started]
        == [flow.status for flow in happened.finished]
        == ["failed"]
    )


def test_a_flow_that_is_taken_away_is_stopped(network: Network, mirror: Mirror) -> None:
    flow_news(mirror, "running")
    happened = mirror.take(news({"flows": ids(7), "flow_routes": ids(7)}))
    assert [flow.status for flow in happened.finished] == ["stopped"]
    assert 7 not in network.flows


def test_what_the_algorithm_has_decided_is_not_taken_back_by_states(network: Network, mirror: Mirror) -> None:
    network.set_weight(5, 9)
    network.unpin(7)
    network.set_rate(7, 5000)
    network.set_link(1, up=False)
    network.take()
    mirror.take(
        news(
            {"route_state": ids(5), "flow_state": ids(7), "link_state": ids(1)},
            actual=Actual(
                routes={5: RouteState(5, 2, "down")},
                flows={7: FlowState(7, 1, "running")},
                links=up("link", 1),
            ),
        )
    )
    assert (network.routes[5].weight, network.routes[5].status) == (9, "down")
    assert (network.flows[7].rate, network.flows[7].pinned) == (5000, None)
    assert not network.links[1].up


def link_metric(seconds: float, total: int, **more: Any) -> LinkMetric:
    time = datetime.fromtimestamp(BEGAN + seconds, UTC)
    return LinkMetric("r", time, 1, 1, total, total // 1000, more.pop("drops", {}), **{"queue": 0, **more})


def test_samples_are_of_their_interval(network: Network, mirror: Mirror) -> None:
    first = link_metric(1.0, 10_000, drops={"loss": 2})
    second = link_metric(1.12, 22_000, drops={"loss": 2, "queue": 3}, queue=4)
    later = link_metric(9.0, 23_000, drops={"loss": 2, "queue": 3})
    one, two, three = mirror.take(news({}, link_metrics=[first, second, later])).link_samples
    assert (one.time, one.seconds, one.bytes, one.drops) == (1.0, 0.1, 10_000, {"loss": 2})
    assert (two.bytes, two.packets, two.drops, two.queue) == (12_000, 12, {"queue": 3}, 4)
    assert two.bits_per_second == pytest.approx(800_000)
    assert (three.seconds, three.bytes) == (0.1, 1000), "nothing happened for long, then something"
    assert network.link_samples[1, 1] == three


def test_counters_go_on_from_where_they_stood(network: Network) -> None:
    mirror = Mirror(network, BEGAN)
    flow = FlowMetric("r", datetime.fromtimestamp(BEGAN, UTC), 7, 100, 90, 0, 2000, 5, 1, 3000)
    mirror.begin([link_metric(1.0, 10_000)], [flow])
    mirror.take(news({"links": None, "flows": None}, Desired(links=LINKS, flows=FLOWS)))
    now = datetime.fromtimestamp(BEGAN + 0.1, UTC)
    after = replace(flow, bytes=300, acknowledged=290, timeouts=3, time=now)
    happened = mirror.take(news({}, link_metrics=[link_metric(1.1, 11_000)], flow_metrics=[after]))
    assert [sample.bytes for sample in happened.link_samples] == [1000]
    (sample,) = happened.flow_samples
    assert (sample.acknowledged, sample.srtt, sample.timeouts, sample.cwnd) == (200, 0.002, 2, 3000)
    assert sample.bits_per_second == pytest.approx(16_000)
    assert network.flows[7].bytes == 290


def test_what_is_not_there_is_not_measured(mirror: Mirror) -> None:
    nobody = replace(link_metric(1.0, 10), link=99)
    assert not mirror.take(news({}, link_metrics=[nobody]))
