"""Predicted against measured load of links: what traffic engineering is judged by.

The prediction takes each flow's volume (its size, or its rate for as long as it was to send) and spreads it
over the routes of its pair by their weights; a flow that is pinned to a route brings all of it there. Flows
are whole, so one pair's may be spread otherwise; over many flows the difference averages out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nextmini.scenario.network import UDP_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nextmini.scenario import Flow, Network, Route

    Pair = tuple[int, int]

TCP_HEADERS = 40
"""Bytes of IPv4 and TCP before the payload, and what a packet of a lossless flow counts as beside its own."""


@dataclass(frozen=True, slots=True)
class Load:
    """Of one direction of a link: bytes on the wire, as predicted and as counted, and its rate in bit/s."""

    sender: int
    receiver: int
    rate: float | None
    predicted: float
    measured: int


def loads(
    network: Network,
    flows: Iterable[Flow],
    routes: Iterable[Route],
    pins: Mapping[int, int],
    measured: Mapping[Pair, int],
    seconds: float,
) -> list[Load] | None:
    """Of all links, by the routes and pins that were in force at the end of a run of so many seconds.

    `pins` are routes by flow, `measured` is in bytes, by (link, sending node). None where some flow's volume
    is not known beforehand, or it has no route.
    """
    all_ways = _Ways(routes, pins)
    predicted: dict[Pair, float] = {}
    for flow in flows:
        volume, ways = volume_of(flow, network.mtu, seconds), all_ways.of(flow)
        if volume is None or not ways:
            return None
        whole = sum(route.weight for route in ways)
        for route in ways:
            part = volume * route.weight / whole
            for step in pairwise(route.path):
                predicted[step] = predicted.get(step, 0.0) + part
    return [
        Load(
            sender,
            receiver,
            way.rate,
            predicted.get((sender, receiver), 0.0),
            measured.get((link.id, sender), 0),
        )
        for link in network.links
        for sender, receiver, way in ((link.a, link.b, link.forward), (link.b, link.a, link.backward))
    ]


class _Ways:
    """Which routes flows may take."""

    def __init__(self, routes: Iterable[Route], pins: Mapping[int, int]) -> None:
        self._pins = pins
        self._by_id: dict[int, Route] = {}
        self._by_pair: dict[Pair, list[Route]] = {}
        for route in routes:
            self._by_id[route.id] = route
            self._by_pair.setdefault((route.path[0], route.path[-1]), []).append(route)

    def of(self, flow: Flow) -> list[Route]:
        """None at all, too, if a flow waits for the one that it is pinned to."""
        if flow.id not in self._pins:
            return self._by_pair.get((flow.source, flow.destination), [])
        pinned = self._by_id.get(self._pins[flow.id])
        return [] if pinned is None else [pinned]


def volume_of(flow: Flow, mtu: int, seconds: float) -> float | None:
    """Bytes that a flow brings to each link in a run of so many seconds, with headers; None if unknown."""
    if flow.size is not None:
        payload = float(flow.size)
    elif flow.rate is not None:
        lasts = max(0.0, seconds - flow.start) if flow.duration is None else flow.duration
        payload = flow.rate * lasts / 8
    else:
        return None
    if flow.packet_size is not None:
        return payload * (flow.packet_size + UDP_HEADERS) / flow.packet_size
    return payload * mtu / (mtu - TCP_HEADERS)


def seconds_of(flows: Iterable[Flow], seconds: float) -> float:
    """Until the last of these flows was to end; all of the run where some have no duration."""
    ends = [flow.start + flow.duration if flow.duration is not None else seconds for flow in flows]
    return min(max(ends, default=seconds), seconds)


def entries(found: list[Load] | None, names: Mapping[int, str], seconds: float) -> list[dict[str, Any]]:
    """The part of the result document: mean loads over so many seconds."""
    if found is None or seconds <= 0:
        return []

    def mean(amount: float) -> int:
        return round(amount * 8 / seconds)

    return [
        {
            "from": names[load.sender],
            "to": names[load.receiver],
            "rate_bps": None if load.rate is None else round(load.rate),
            "predicted_bps": mean(load.predicted),
            "measured_bps": mean(load.measured),
            "predicted_utilisation": _share(mean(load.predicted), load.rate),
            "utilisation": _share(mean(load.measured), load.rate),
        }
        for load in found
    ]


def _share(amount: float, rate: float | None) -> float | None:
    return None if rate is None else round(amount / rate, 4)
