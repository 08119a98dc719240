"""Rows with JSON in them, to and from the types of a scenario.

Anybody may write such a row. What cannot be understood of it is its flaw, which keeps it from being used, and
never a reason not to read the others.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from nextmini.scenario.arrival import Arrival
from nextmini.scenario.changing import understood
from nextmini.scenario.direction import PLAIN, Direction
from nextmini.scenario.findings import key_text
from nextmini.scenario.network import Event, Flow, Link, Node, Trace
from nextmini.store.entrances import entrances, entrances_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.scenario.trace import TraceKind


def node(*row: Any) -> Node:
    """A node, of its row in the order of COLUMNS."""
    said = dict(zip(COLUMNS["nodes"], row, strict=True))
    said["socks"], flaw = entrances(said["socks"])
    ports = said["transparent_ports"]
    said["transparent_ports"] = None if ports is None else tuple(ports)
    return Node(**said, flaw=flaw)


def link(*row: Any) -> Link:
    """A link, of its row in the order of COLUMNS."""
    said = dict(zip(COLUMNS["links"], row, strict=True))
    said["forward"], flaw = _direction(said["forward"], said["mtu"], "forward")
    said["backward"], other_flaw = _direction(said["backward"], said["mtu"], "backward")
    return Link(**said, flaw=flaw or other_flaw)


def flow(*row: Any) -> Flow:
    """A flow; an arrival process that cannot be understood has a name that nobody knows."""
    said = dict(zip(COLUMNS["flows"], row, strict=True))
    return Flow(**said | {"arrival": _arrival(said["arrival"])})


def trace(id: int, name: str, kind: TraceKind, period: float, times: list[int], values: list[int]) -> Trace:
    """A trace."""
    return Trace(id, name, kind, period, tuple(zip(times, values, strict=True)))


def event(id: int, at: float, what: str) -> Event:
    """An event."""
    action = json.loads(what)
    return Event(id, at, action if isinstance(action, dict) else {"": action})


# Most links of a network are alike, and so is what stands in their rows.
@lru_cache(maxsize=4096)
def _direction(text: str, mtu: int, key: str) -> tuple[Direction, str | None]:
    if text == "{}":
        return PLAIN, None
    direction, found = understood(json.loads(text), mtu)
    if direction is not None:
        return direction, None
    first = found[0]
    where = key_text((key, *first.path))
    remedy = f"; {first.remedy}" if first.remedy else ""
    return PLAIN, f"{where}: {first.message}{remedy}"


@lru_cache(maxsize=4096)
def _arrival(text: str) -> Arrival:
    try:
        return Arrival.model_validate(json.loads(text))
    except ValidationError:
        return Arrival.model_construct(process=text)


def node_columns(node: Node) -> tuple[object, ...]:
    """What stands in a node's row."""
    plain = (node.id, node.name, node.address, node.processors, node.mapping, node.hop_limit, node.process)
    ports = None if node.transparent_ports is None else list(node.transparent_ports)
    return (*plain, node.up, node.address6, entrances_text(node.socks), node.transparent, ports)


def link_columns(link: Link) -> tuple[object, ...]:
    """What stands in a link's row."""
    plain = (link.id, link.a, link.b, link.transport, link.cost, link.congestion, link.mtu, link.up)
    return (*plain, _dumps(link.forward), _dumps(link.backward), link.datagrams)


def flow_columns(flow: Flow) -> tuple[object, ...]:
    """What stands in a flow's row."""
    ends = (flow.id, flow.name, flow.source, flow.destination, flow.kind, flow.mode)
    amounts = (flow.size, flow.duration, flow.rate, flow.weight, flow.start, flow.packet_size)
    return (*ends, *amounts, json.dumps(flow.arrival.texts()), flow.ecn, flow.congestion, flow.family)


def trace_columns(trace: Trace) -> tuple[object, ...]:
    """What stands in a trace's row."""
    times, values = zip(*trace.points, strict=True)
    return (trace.id, trace.name, trace.kind, trace.period, list(times), list(values))


def event_columns(event: Event) -> tuple[object, ...]:
    """What stands in an event's row."""
    return (event.id, event.at, json.dumps(event.action))


@lru_cache(maxsize=4096)
def _dumps(direction: Direction) -> str:
    return "{}" if direction is PLAIN else json.dumps(direction.texts())


COLUMNS: dict[str, tuple[str, ...]] = {
    "nodes": (
        *("id", "name", "address", "processors", "mapping", "hop_limit", "process", "up", "address6"),
        *("socks", "transparent", "transparent_ports"),
    ),
    "links": (
        *("id", "a", "b", "transport", "cost", "congestion", "mtu", "up", "forward", "backward"),
        "datagrams",
    ),
    "flows": (
        *("id", "name", "source", "destination", "kind", "mode", "size", "duration", "rate", "weight"),
        *("start", "packet_size", "arrival", "ecn", "congestion", "family"),
    ),
    "traces": ("id", "name", "kind", "period", "times", "values"),
    "events": ("id", "at", "what"),
}
RECORDS: dict[str, Callable[[Any], tuple[object, ...]]] = {
    "nodes": node_columns,
    "links": link_columns,
    "flows": flow_columns,
    "traces": trace_columns,
    "events": event_columns,
}
"""What makes a record of a row of these tables."""
