"""Which process gets which record: pure functions from desired rows to records by process.

A process gets its own nodes, the links with an end at one of them, the routes that visit one of them and the
flows whose source is one of them. A row that cannot be placed (anyone may write rows) is Unplaceable with a
reason, which the controller shows in the row's state. A row that only waits for a process to connect is
placed at the processes that are known so far.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, cast, get_args

from nextmini.controller.dialling import Call, NoCall, call
from nextmini.controller.shaping import arrival_record, direction_record
from nextmini.protocol import CONSTANT, FlowRecord, LinkRecord, NodeRecord, RouteRecord, SocksRecord
from nextmini.protocol.direction import Process
from nextmini.protocol.records import Mapping as ProcessorMapping
from nextmini.protocol.records import SocksMode, Transport
from nextmini.scenario.conflicts import apart_conflict, congestion_conflict, datagrams_conflict
from nextmini.scenario.network import site_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.controller.devices import Devices
    from nextmini.controller.dialling import Reach
    from nextmini.controller.view import NetworkView
    from nextmini.scenario import Flow, Link, Node, Route, Socks
    from nextmini.scenario.network import Site


USUAL_PACKETS = {"udp": 1_472, "icmp": 56}
"""Payload bytes of a packet, where a flow's row says nothing: 1,500 less the headers; as ping's."""
LARGEST_PACKET = 65_507
CONGESTION = ("cubic", "reno", "none")
FAMILIES = ("ipv4", "ipv6")


@dataclass(frozen=True, slots=True)
class Unplaceable:
    """Why a row has no place."""

    reason: str


def place_node(node: Node, devices: Devices | None = None) -> dict[int, NodeRecord] | Unplaceable:
    """The node's record at the process that hosts it; `devices` are those of nodes, if they have any."""
    if node.mapping not in get_args(ProcessorMapping):
        return Unplaceable(f"mapping {node.mapping!r} is none of {', '.join(get_args(ProcessorMapping))}")
    if not 1 <= node.hop_limit <= 65535:
        return Unplaceable(f"hop limit {node.hop_limit} is not from 1 to 65535")
    if node.processors < 1:
        return Unplaceable(f"{node.processors} processors: a node has at least 1")
    if node.flaw is not None:
        return Unplaceable(node.flaw)
    if node.transparent is not None and devices is None:
        return Unplaceable('transparent nodes need isolation = "namespace" or "process"')
    mapping: ProcessorMapping = "concurrent" if node.mapping == "concurrent" else "sequential"
    record = NodeRecord(
        id=node.id,
        name=node.name,
        address=node.address,
        processors=node.processors,
        mapping=mapping,
        hop_limit=node.hop_limit,
        up=node.up,
        address6=node.address6,
        device=None if devices is None else devices.of(node.name),
        socks=tuple(map(_socks_record, node.socks)),
        transparent=node.transparent,
    )
    return {node.process: record}


def _socks_record(socks: Socks) -> SocksRecord:
    mode: SocksMode = "normal" if socks.mode == "normal" else "max"
    return SocksRecord(socks.listen, mode, socks.exit, socks.users, socks.connections)


def place_link(
    link: Link, view: NetworkView, reaches: Mapping[int, Reach], sites: tuple[Site, ...] = ()
) -> dict[int, LinkRecord] | Unplaceable:
    """The link's records at the processes of its two ends.

    `reaches` has where links of each process arrive that is connected. Who connects gets its record only once
    that is known of the other one; between sites, neither gets one before. What connects is end `a` of a
    record, so a link may be turned round.
    """
    a, b = view.nodes.get(link.a), view.nodes.get(link.b)
    if a is None or b is None:
        return Unplaceable(f"there is no node {link.a if a is None else link.b}")
    problem = _link_problem(link)
    if problem is not None:
        return Unplaceable(problem)
    up = link.up and a.up and b.up
    if link.transport == "memory":
        if a.process != b.process:
            return Unplaceable(
                "a memory link has both ends in one process; set its transport to tcp, tls or quic"
            )
        return {a.process: _link_record(link, up, dial=False, listen_end=False, peer=None)}
    if a.process == b.process:
        here = reaches.get(a.process)
        if here is None:
            return {}
        return {a.process: _link_record(link, up, dial=True, listen_end=True, peer=here.inside)}
    if site_of(a.process, sites) != site_of(b.process, sites):
        return _place_apart(link, up, (a, b), reaches)
    here, there = reaches.get(a.process), reaches.get(b.process)
    peer = None if here is None else here.inside
    records = {b.process: _link_record(link, up, dial=False, listen_end=True, peer=peer)}
    called = call(here, there, apart=False)
    if isinstance(called, Call) and called.address is not None:
        records[a.process] = _link_record(link, up, dial=True, listen_end=False, peer=called.address)
    return records


def _place_apart(
    link: Link, up: bool, ends: tuple[Node, Node], reaches: Mapping[int, Reach]
) -> dict[int, LinkRecord] | Unplaceable:
    """The records of a link between two sites. Nobody but who connects is told where to."""
    conflict = apart_conflict(link.transport)
    if conflict is not None:
        return Unplaceable(f"{conflict.message}; {conflict.remedy}")
    called = call(*(reaches.get(end.process) for end in ends), apart=True)
    if called is None:
        return {}
    if isinstance(called, NoCall):
        return Unplaceable(called.reason)
    (dialling, listening), way = ends, link
    if called.dialler == "b":
        (listening, dialling), way = ends, turned(link)
    to = _link_record(way, up, dial=True, listen_end=False, peer=called.address)
    there = _link_record(way, up, dial=False, listen_end=True, peer=None)
    return {dialling.process: replace(to, apart=True), listening.process: replace(there, apart=True)}


def turned(link: Link) -> Link:
    """The same link with its ends the other way round."""
    return replace(link, a=link.b, b=link.a, forward=link.backward, backward=link.forward)


def _link_problem(link: Link) -> str | None:
    """Why the link's own settings make no sense, or None."""
    if link.transport not in get_args(Transport):
        return f"transport {link.transport!r} is none of {', '.join(get_args(Transport))}"
    conflict = congestion_conflict(link.transport, link.congestion) or datagrams_conflict(
        link.transport, link.datagrams
    )
    if conflict is not None:
        return f"{conflict.message}; {conflict.remedy}"
    if not (isfinite(link.cost) and link.cost > 0):
        return f"cost {link.cost} is not above 0"
    return "both ends are the same node" if link.a == link.b else None


def _link_record(link: Link, up: bool, *, dial: bool, listen_end: bool, peer: str | None) -> LinkRecord:
    return LinkRecord(
        id=link.id,
        a=link.a,
        b=link.b,
        transport=cast("Transport", link.transport),
        congestion=link.congestion,
        cost=link.cost,
        dial=dial,
        listen_end=listen_end,
        peer=peer,
        mtu=link.mtu,
        up=up,
        forward=direction_record(link.forward),
        backward=direction_record(link.backward),
        datagrams=link.datagrams,
    )


def place_route(route: Route, wire_id: int, view: NetworkView) -> dict[int, RouteRecord] | Unplaceable:
    """The route's record, under the number it has on the wire, at each process that it visits."""
    problem = route_problem(route.path, route.weight, view)
    return route_records(route, wire_id, view) if problem is None else Unplaceable(problem)


def route_records(route: Route, wire_id: int, view: NetworkView) -> dict[int, RouteRecord]:
    """The same for a route without a problem.

    Only the process of its source needs to know its weight; others do not hear of a change of it.
    """
    row = None if wire_id == route.id else route.id
    chosen = RouteRecord(wire_id, route.path, route.weight, view.chunk(route.path), row)
    passed_on = replace(chosen, weight=0)
    records = dict.fromkeys(view.processes_of(route.path), passed_on)
    records[view.nodes[route.path[0]].process] = chosen
    return records


def route_problem(path: tuple[int, ...], weight: int, view: NetworkView) -> str | None:
    """Why no route can take this path, or None."""
    if len(path) < 2:
        return "a path has at least two nodes"
    if weight < 1:
        return f"weight {weight} is not at least 1"
    visited = set(path)
    if len(visited) != len(path):
        return "the path visits a node twice"
    if not visited <= view.nodes.keys():
        return f"there is no node {next(node for node in path if node not in view.nodes)}"
    # Twice as fast as `pair_of` for each, which counts where paths have thousands of links.
    linked = view.links_between
    for a, b in pairwise(path):
        if (a, b) not in linked and (b, a) not in linked:
            return f"there is no link between {view.nodes[a].name} and {view.nodes[b].name}"
    return None


def place_flow(flow: Flow, view: NetworkView) -> dict[int, FlowRecord] | Unplaceable:
    """The flow's record at the process of its source."""
    source, destination = view.nodes.get(flow.source), view.nodes.get(flow.destination)
    if source is None or destination is None:
        return Unplaceable(f"there is no node {flow.source if source is None else flow.destination}")
    if flow.source == flow.destination:
        return Unplaceable("source and destination are the same node")
    problem = _flow_problem(flow) or _address_problem(flow, source, destination)
    if problem is not None:
        return Unplaceable(problem)
    record = FlowRecord(
        id=flow.id,
        source=flow.source,
        destination=flow.destination,
        kind="max" if flow.mode == "max" else flow.kind,
        size=flow.size,
        duration=flow.duration,
        rate=flow.rate,
        weight=flow.weight,
        start=flow.start,
        packet_size=(flow.packet_size or USUAL_PACKETS[flow.kind]) if flow.packets else None,
        arrival=arrival_record(flow.arrival) if flow.packets else CONSTANT,
        ecn=flow.kind == "udp" and flow.ecn,
        congestion=flow.congestion if flow.kind == "tcp" else None,
        v6=flow.kind == "tcp" and flow.family == "ipv6",
        route=view.pins.get(flow.id),
    )
    return {source.process: record}


def _flow_problem(flow: Flow) -> str | None:
    """Why the flow's own settings make no sense, or None: the protocol has no numbers below zero."""
    if flow.kind not in ("lossless", "tcp", *USUAL_PACKETS):
        return f"kind {flow.kind!r} is not in this version"
    if flow.packets:
        problem = _packets_problem(flow)
        if problem is not None:
            return problem
    if flow.kind == "tcp":
        problem = _tcp_problem(flow)
        if problem is not None:
            return problem
    if flow.mode not in ("normal", "max"):
        return f"mode {flow.mode!r} is not in this version"
    if flow.mode == "max" and flow.kind != "lossless":
        return f"mode max is for lossless flows, and this one is of kind {flow.kind}"
    limits = {"size": flow.size, "duration": flow.duration, "rate": flow.rate, "weight": flow.weight}
    for name, value in limits.items():
        if value is not None and not (isfinite(value) and value > 0):
            return f"{name} {value} is not above 0"
    if not (isfinite(flow.start) and flow.start >= 0):
        return f"start {flow.start} is not at least 0"
    return None


def _packets_problem(flow: Flow) -> str | None:
    """Why there can be no such flow of packets, or None."""
    if flow.rate is None:
        return f"a flow of kind {flow.kind} has a rate"
    if flow.packet_size is not None and not 1 <= flow.packet_size <= LARGEST_PACKET:
        return f"packet size {flow.packet_size} is not from 1 to {LARGEST_PACKET}"
    known = get_args(Process)
    if flow.arrival.process not in known:
        return f"arrival {flow.arrival.process} is none of {', '.join(known)}"
    return None


def _tcp_problem(flow: Flow) -> str | None:
    """Why there can be no such TCP flow, or None; what its row does not say is as usual."""
    if flow.congestion is not None and flow.congestion not in CONGESTION:
        return f"congestion {flow.congestion!r} is none of {', '.join(CONGESTION)}"
    if flow.family is not None and flow.family not in FAMILIES:
        return f"family {flow.family!r} is none of {', '.join(FAMILIES)}"
    return None


def _address_problem(flow: Flow, *ends: Node) -> str | None:
    """Which end has no address of the flow's family, or None."""
    if flow.kind == "tcp" and flow.family == "ipv6":
        for node in ends:
            if node.address6 is None:
                return f"family ipv6: node {node.name} has no IPv6 address"
    return None
