"""Which process gets which record, and which rows have no place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nextmini.controller.devices import Devices, Home
from nextmini.controller.dialling import Reach
from nextmini.controller.placement import Unplaceable, place_flow, place_link, place_node, place_route
from nextmini.protocol import ArrivalRecord, DirectionRecord, LinkRecord, NodeRecord, RouteRecord, SocksRecord
from nextmini.scenario import Arrival, Flow, Link, Node, Socks

from .rows import flow, line, link, node, route, view

if TYPE_CHECKING:
    from nextmini.protocol.records import Transport

NO_DATAGRAMS = (
    "only QUIC links have datagrams, and this one is carried by tcp; "
    'write transport = "quic" too, or datagrams = false'
)
NO_SUCH_CONGESTION = (
    '"dctcp" is no congestion control of QUIC links; write "cubic", "reno" or "bbr", or transport = "tcp"'
)
LISTEN = {0: "127.0.0.1:1000", 1: "127.0.0.1:1001"}
REACH = {process: Reach(listen) for process, listen in LISTEN.items()}


def record(dial: bool, listen_end: bool, peer: str | None, transport: str = "tcp") -> LinkRecord:
    return LinkRecord(1, 1, 2, transport, "cubic", 1.0, dial, listen_end, peer)  # type: ignore[arg-type]


def test_a_node_goes_to_its_process() -> None:
    assert place_node(node(3, process=7)) == {7: NodeRecord(3, "n3", "10.0.0.3", 1, "sequential", 64)}


def test_a_device_is_where_nodes_have_theirs() -> None:
    assert Devices("lab").of("n3").namespace == "/run/netns/lab-n3"
    own = Devices("lab", home=Home.PROCESS).of("n3")
    assert (own.namespace, own.name) == ("/proc/self/ns/net", "n3-eth0")


def test_entrances_of_a_node_go_with_it() -> None:
    devices = Devices("lab")
    entrances = (Socks("127.0.0.1:1080", "normal", 2, ("ab" * 32,), 5, "users.txt"),)
    placed = place_node(node(3, socks=entrances, transparent=61_080, transparent_ports=(80,)), devices)
    assert placed == {
        0: NodeRecord(
            *(3, "n3", "10.0.0.3", 1, "sequential", 64),
            device=devices.of("n3"),
            socks=(SocksRecord("127.0.0.1:1080", "normal", 2, ("ab" * 32,), 5),),
            transparent=61_080,
        )
    }


def test_a_node_that_cannot_be_so_has_no_place() -> None:
    assert place_node(node(1, flaw="socks: is nonsense")) == Unplaceable("socks: is nonsense")
    refused = place_node(node(1, transparent=61_080))
    assert refused == Unplaceable('transparent nodes need isolation = "namespace" or "process"')


def test_the_process_of_a_dials_and_that_of_b_listens() -> None:
    made = line(0, 1)
    assert place_link(made.links[1], made, REACH) == {
        0: record(True, False, LISTEN[1]),
        1: record(False, True, LISTEN[0]),
    }


def test_who_dials_waits_for_the_address_and_who_listens_does_not() -> None:
    made = line(0, 1)
    assert place_link(made.links[1], made, {}) == {1: record(False, True, None)}
    assert place_link(made.links[1], made, {0: REACH[0]}) == {1: record(False, True, LISTEN[0])}


def test_a_tcp_link_inside_a_process_has_both_ends_there() -> None:
    made = view(node(1), node(2), link(1, 1, 2, "tcp"))
    assert place_link(made.links[1], made, REACH) == {0: record(True, True, LISTEN[0])}
    assert place_link(made.links[1], made, {}) == {}


def test_both_ends_of_a_quic_link_are_told_of_datagrams() -> None:
    made = line(0, 1)
    asked = replace(made.links[1], transport="quic", datagrams=True)
    placed = place_link(asked, made, REACH)
    assert isinstance(placed, dict)
    assert {process: one.datagrams for process, one in placed.items()} == {0: True, 1: True}


@pytest.mark.parametrize("ends", [(0, 0), (0, 1)])
@pytest.mark.parametrize("kind", ["quic", "tls"])
def test_an_encrypted_link_has_the_places_of_a_tcp_link(kind: Transport, ends: tuple[int, int]) -> None:
    made = line(*ends)
    plain, sealed = (place_link(replace(made.links[1], transport=one), made, REACH) for one in ("tcp", kind))
    assert isinstance(plain, dict)
    assert sealed == {where: replace(one, transport=kind) for where, one in plain.items()}


def test_a_memory_link_has_no_address() -> None:
    made = line(0, 0)
    assert place_link(made.links[1], made, {}) == {0: record(False, False, None, "memory")}


def test_a_route_goes_to_every_process_that_it_visits_and_no_other() -> None:
    made = line(0, 1, 1, 2, 3)
    row = route(4, 2, 3, 4)
    passed_on = RouteRecord(900, (2, 3, 4), 0, row=4)
    assert place_route(row, 900, made) == {1: replace(passed_on, weight=1), 2: passed_on}
    assert place_route(row, 4, made) == {1: RouteRecord(4, (2, 3, 4), 1), 2: RouteRecord(4, (2, 3, 4), 0)}


def test_a_flow_goes_to_its_source() -> None:
    made = line(0, 1)
    placed = place_flow(flow(1, 2, 1, size=5, rate=9, weight=3, start=1.5), made)
    assert isinstance(placed, dict)
    assert list(placed) == [1]
    assert (placed[1].size, placed[1].rate, placed[1].weight, placed[1].start) == (5, 9, 3, 1.5)
    assert placed[1].kind == "lossless"
    placed = place_flow(flow(1, 2, 1, size=5, mode="max"), made)
    assert isinstance(placed, dict)
    assert placed[1].kind == "max"


def test_a_flow_of_packets_says_how_they_are_sent() -> None:
    made = line(0, 1)
    arrival = Arrival.model_validate({"process": "on_off", "on": "1 s", "off": "20 ms"})
    placed = place_flow(flow(1, 2, 1, kind="udp", rate=9, arrival=arrival, ecn=True), made)
    assert isinstance(placed, dict)
    assert (placed[1].packet_size, placed[1].ecn) == (1472, True)
    assert placed[1].arrival == ArrivalRecord("on_off", 1_000_000_000, 20_000_000)


def test_a_tcp_flow_says_what_it_does_about_losses_and_which_addresses_it_uses() -> None:
    ends = [node(id, address6=f"fd00::{id}") for id in (1, 2)]
    made = view(*ends, link(1, 1, 2))
    placed = place_flow(flow(1, 1, 2, kind="tcp", congestion="reno", family="ipv6"), made)
    assert isinstance(placed, dict)
    assert (placed[0].kind, placed[0].congestion, placed[0].v6) == ("tcp", "reno", True)
    # A row that says nothing leaves it to the process.
    placed = place_flow(flow(1, 1, 2, kind="tcp"), made)
    assert isinstance(placed, dict)
    assert (placed[0].congestion, placed[0].v6) == (None, False)
    # What other kinds say of it means nothing.
    placed = place_flow(flow(1, 1, 2, congestion="reno", family="ipv6"), made)
    assert isinstance(placed, dict)
    assert (placed[0].congestion, placed[0].v6) == (None, False)


def test_a_link_says_what_each_direction_does() -> None:
    made = view(
        node(1), node(2), link(1, 1, 2, "memory", mtu=9000, forward={"rate": "5 bit/s", "delay": "2 ms"})
    )
    (placed,) = dict(place_link(made.links[1], made, {})).values()  # type: ignore[arg-type]
    assert (placed.mtu, placed.up) == (9000, True)
    assert placed.forward == DirectionRecord(rate=5, delay_ns=2_000_000)
    assert placed.backward == DirectionRecord()


@pytest.mark.parametrize(("own", "a", "b"), [(False, True, True), (True, False, True), (True, True, False)])
def test_a_link_is_up_when_it_and_both_of_its_nodes_are(own: bool, a: bool, b: bool) -> None:
    made = view(node(1, up=a), node(2, up=b), link(1, 1, 2, "memory", up=own))
    (placed,) = dict(place_link(made.links[1], made, {})).values()  # type: ignore[arg-type]
    assert not placed.up
    assert place_node(made.nodes[1])[0].up is a  # type: ignore[index]


def test_chunks_are_as_large_as_every_link_of_the_path_bears() -> None:
    made = view(
        *(node(id) for id in range(1, 5)),
        link(1, 1, 2, forward={"rate": "100 Mbit/s"}, backward={"loss": "1 %"}),
        link(2, 3, 2, backward={"rate": "200 Mbit/s"}, forward={"delay": "1 s"}),
        link(3, 3, 4, forward={"queue": "10 packets"}),
    )
    chunks = {path: made.chunk(path) for path in ((1, 2, 3), (3, 2), (3, 2, 1), (2, 3, 4))}
    assert chunks == {(1, 2, 3): 12_500, (3, 2): 65_536, (3, 2, 1): 1460, (2, 3, 4): 1460}
    placed = place_route(route(1, 1, 2, 3), 1, made)
    assert placed == {0: RouteRecord(1, (1, 2, 3), 1, 12_500)}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (node(1, mapping="random"), "mapping 'random' is none of sequential, concurrent"),
        (node(1, hop_limit=65536), "hop limit 65536 is not from 1 to 65535"),
        (node(1, processors=0), "0 processors: a node has at least 1"),
        (link(1, 1, 9), "there is no node 9"),
        (link(1, 9, 1), "there is no node 9"),
        (link(1, 1, 1), "both ends are the same node"),
        (link(1, 1, 2, "sctp"), "transport 'sctp' is none of memory, tcp, quic, tls"),
        (
            replace(link(1, 1, 2, "quic"), congestion="dctcp"),
            NO_SUCH_CONGESTION,
        ),
        (
            replace(link(1, 1, 2, "tcp"), datagrams=True),
            NO_DATAGRAMS,
        ),
        (
            link(1, 1, 3, "memory"),
            "a memory link has both ends in one process; set its transport to tcp, tls or quic",
        ),
        (link(1, 1, 2, cost=0.0), "cost 0.0 is not above 0"),
        (link(1, 1, 2, cost=float("nan")), "cost nan is not above 0"),
        (flow(1, 1, 9), "there is no node 9"),
        (flow(1, 9, 1), "there is no node 9"),
        (flow(1, 2, 2), "source and destination are the same node"),
        (flow(1, 1, 2, kind="sctp"), "kind 'sctp' is not in this version"),
        (flow(1, 1, 2, kind="tcp", congestion="bbr"), "congestion 'bbr' is none of cubic, reno, none"),
        (flow(1, 1, 2, kind="tcp", family="ipv5"), "family 'ipv5' is none of ipv4, ipv6"),
        (flow(1, 1, 2, kind="tcp", family="ipv6"), "family ipv6: node n1 has no IPv6 address"),
        (
            flow(1, 1, 2, kind="tcp", mode="max"),
            "mode max is for lossless flows, and this one is of kind tcp",
        ),
        (flow(1, 1, 2, kind="udp"), "a flow of kind udp has a rate"),
        (flow(1, 1, 2, kind="udp", rate=1, packet_size=0), "packet size 0 is not from 1 to 65507"),
        (
            flow(1, 1, 2, kind="udp", rate=1, arrival=Arrival.model_construct(process="x")),
            "arrival x is none of constant, poisson, on_off",
        ),
        (flow(1, 1, 2, mode="warp"), "mode 'warp' is not in this version"),
        (
            flow(1, 1, 2, mode="max", kind="udp", rate=1),
            "mode max is for lossless flows, and this one is of kind udp",
        ),
        (flow(1, 1, 2, size=-1), "size -1 is not above 0"),
        (flow(1, 1, 2, size=None, duration=float("inf")), "duration inf is not above 0"),
        (flow(1, 1, 2, rate=0), "rate 0 is not above 0"),
        (flow(1, 1, 2, start=-0.5), "start -0.5 is not at least 0"),
    ],
)
def test_rows_without_a_place(row: Node | Link | Flow, reason: str) -> None:
    made = line(0, 0, 1)
    if isinstance(row, Node):
        assert place_node(row) == Unplaceable(reason)
    elif isinstance(row, Link):
        assert place_link(row, made, REACH) == Unplaceable(reason)
    else:
        assert place_flow(row, made) == Unplaceable(reason)


@pytest.mark.parametrize(
    ("path", "weight", "reason"),
    [
        ((), 1, "a path has at least two nodes"),
        ((1,), 1, "a path has at least two nodes"),
        ((1, 2), 0, "weight 0 is not at least 1"),
        ((1, 2, 1), 1, "the path visits a node twice"),
        ((1, 2, 3, 4), 1, "there is no node 4"),
        ((1, 3), 1, "there is no link between n1 and n3"),
    ],
)
def test_routes_without_a_place(path: tuple[int, ...], weight: int, reason: str) -> None:
    assert place_route(route(1, *path, weight=weight), 1, line(0, 0, 1)) == Unplaceable(reason)
