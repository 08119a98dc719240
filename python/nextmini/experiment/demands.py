"""What became of demands: how much their flows carried, how soon they were done, and how much sooner they
would have been in an idle network.

A flow's completion time is its `seconds`: from its first packet to the receiver's last word at the source.
Its slowdown is that time by the time that it would take in an idle network: its bytes at the least rate on
its path, and one propagation round trip. Rates and delays are those of the scenario, whatever events do.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nextmini.controller.flows import FlowProgress
    from nextmini.scenario import Demand, Direction, Flow, Network

Path = tuple[int, ...]

SMALL = 100_000
LARGE = 10_000_000
"""Bytes: the largest of small flows, and the largest of those in the middle."""
CLASSES = ("at most 100 kB", "100 kB to 10 MB", "more than 10 MB")


@dataclass(frozen=True, slots=True)
class IdlePath:
    """A path without other traffic: its least rate in bit/s, if it has one, and its round trip in seconds."""

    rate: int | None
    round_trip: float

    def seconds(self, flow: Flow) -> float | None:
        """How long a flow takes; None if nothing limits its rate, or it has no size."""
        rates = [rate for rate in (self.rate, flow.rate) if rate is not None]
        if self.rate is None or flow.size is None:
            return None
        return flow.size * 8 / min(rates) + self.round_trip


class IdleNetwork:
    """The network of a scenario without traffic."""

    def __init__(self, network: Network) -> None:
        self._ways: dict[tuple[int, int], tuple[Direction, Direction]] = {}
        for link in network.links:
            self._ways[link.a, link.b] = (link.forward, link.backward)
            self._ways[link.b, link.a] = (link.backward, link.forward)
        self._paths: dict[Path, IdlePath | None] = {}

    def path(self, nodes: Path) -> IdlePath | None:
        """A path by its nodes; None if it has links that the scenario has not, or whose rates vary."""
        if nodes not in self._paths:
            self._paths[nodes] = self._path(nodes)
        return self._paths[nodes]

    def _path(self, nodes: Path) -> IdlePath | None:
        ways = [self._ways.get(pair) for pair in pairwise(nodes)]
        there = [way for way in ways if way is not None]
        if len(there) < len(ways) or any(forward.trace is not None for forward, _ in there):
            return None
        rates = [forward.rate for forward, _ in there if forward.rate is not None]
        return IdlePath(min(rates, default=None), sum(way.delay for both in there for way in both))


@dataclass(slots=True)
class _Times:
    """Flows with a size, how long those took that were completed, and how often longer than alone."""

    flows: int = 0
    seconds: list[float] = field(default_factory=list)
    slowdowns: list[float] = field(default_factory=list)

    def entry(self) -> dict[str, Any]:
        """Its part of the document."""
        times, slowdowns = _percentiles(self.seconds), _percentiles(self.slowdowns)
        if times is not None:
            times["mean"] = fmean(self.seconds)
        return {"completion_seconds": _rounded(times, 6), "slowdown": _rounded(slowdowns, 3)}


def entries(network: Network, known: Mapping[int, FlowProgress], seconds: float) -> list[dict[str, Any]]:
    """A part of the document for each demand; `seconds` from the moment the network was ready to the end."""
    idle = IdleNetwork(network)
    rows = {flow.id: flow for flow in network.flows}
    return [
        _entry(demand, [(rows[id], known.get(id)) for id in demand.flows], idle, seconds)
        for demand in network.demands
    ]


def _entry(
    demand: Demand, flows: Sequence[tuple[Flow, FlowProgress | None]], idle: IdleNetwork, seconds: float
) -> dict[str, Any]:
    status = Counter(progress.status if progress else "stopped" for _, progress in flows)
    carried = sum(progress.bytes for _, progress in flows if progress)
    every, classes = _times(flows, idle)
    return {
        "name": demand.name,
        "flows": len(flows),
        "completed": status["completed"],
        "failed": status["failed"],
        "stopped": len(flows) - status["completed"] - status["failed"],
        "bytes": carried,
        "offered_bps": _offered(demand, (flow for flow, _ in flows)),
        "carried_bps": _carried(demand, flows, carried, seconds),
        **every.entry(),
        "sizes": [
            {"sizes": name, "flows": one.flows, "completed": len(one.seconds), **one.entry()}
            for name, one in zip(CLASSES, classes, strict=True)
            if every.flows
        ],
    }


def _offered(demand: Demand, flows: Iterable[Flow]) -> int | None:
    """Bit/s that its flows were to carry, over its duration; None if that cannot be said."""
    if demand.duration is None:
        return None
    bits = 0.0
    for flow in flows:
        if flow.size is not None:
            bits += flow.size * 8
        elif flow.rate is not None:
            bits += flow.rate * (demand.duration if flow.duration is None else flow.duration)
        else:
            return None
    return round(bits / demand.duration)


def _carried(
    demand: Demand, flows: Sequence[tuple[Flow, FlowProgress | None]], carried: int, seconds: float
) -> int:
    """Bit/s that arrived, from its start until its duration was over and the last flow had ended."""
    ends = [flow.start + progress.seconds for flow, progress in flows if progress]
    over = max([demand.start + (demand.duration or 0.0), *ends])
    elapsed = min(over, seconds) - demand.start
    return round(carried * 8 / elapsed) if elapsed > 0 else 0


def _times(
    flows: Sequence[tuple[Flow, FlowProgress | None]], idle: IdleNetwork
) -> tuple[_Times, tuple[_Times, ...]]:
    """Of all flows with a size, and of those in each class of sizes."""
    every, classes = _Times(), tuple(_Times() for _ in CLASSES)
    for flow, progress in flows:
        if flow.size is None:
            continue
        both = (every, classes[(flow.size > SMALL) + (flow.size > LARGE)])
        for times in both:
            times.flows += 1
        if progress is None or progress.status != "completed" or progress.seconds <= 0:
            continue
        path = idle.path(progress.path) if progress.path else None
        alone = path.seconds(flow) if path else None
        for times in both:
            times.seconds.append(progress.seconds)
            if alone:
                times.slowdowns.append(progress.seconds / alone)
    return every, classes


def _percentiles(values: list[float]) -> dict[str, float] | None:
    values.sort()
    return {f"p{level}": percentile(values, level) for level in (50, 95, 99)} if values else None


def percentile(ordered: Sequence[float], level: float) -> float:
    """The value that `level` percent of them do not exceed, on a straight line between two neighbours."""
    place = (len(ordered) - 1) * level / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _rounded(values: dict[str, float] | None, digits: int) -> dict[str, float] | None:
    return values and {key: round(value, digits) for key, value in values.items()}
