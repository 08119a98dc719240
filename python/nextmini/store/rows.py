"""Rows as the rest of Nextmini sees them. What is desired comes as `nextmini.scenario.network`'s types.

Field names and their order are those of the tables (migrations/*.sql), which say what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nextmini.scenario.network import Class, Event, Flow, Link, Node, Route, Trace


@dataclass(frozen=True, slots=True)
class Desired:
    """What should be, at one moment, each by its number; `pins` gives the route that a flow must take."""

    nodes: Mapping[int, Node] = field(default_factory=dict)
    links: Mapping[int, Link] = field(default_factory=dict)
    routes: Mapping[int, Route] = field(default_factory=dict)
    flows: Mapping[int, Flow] = field(default_factory=dict)
    pins: Mapping[int, int] = field(default_factory=dict)
    classes: Mapping[int, Class] = field(default_factory=dict)
    traces: Mapping[int, Trace] = field(default_factory=dict)
    events: Mapping[int, Event] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkUpdate:
    """What is to change of a link; None changes nothing.

    `forward` and `backward` are keys of a direction with their values as a scenario writes them, None to
    take a key away. What they do not name stays.
    """

    link: int
    up: bool | None = None
    forward: Mapping[str, Any] | None = None
    backward: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Rows of a table that were changed; `ids` is None when they are too many to name.

    `op` is "insert", "update", "delete" or "truncate". The ids are numbers of nodes, links, routes, flows or
    whatever the table is about; none are given for `runs`.
    """

    table: str
    op: str
    ids: frozenset[int] | None


RESYNC = Change("*", "resync", None)
"""Changes may have been missed: read everything again."""


@dataclass(frozen=True, slots=True)
class NodeState:
    node: int
    process: int
    generation: int
    status: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class LinkState:
    link: int
    generation: int
    status: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RouteState:
    route: int
    generation: int
    status: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class FlowState:
    """The last three are of flows of packets; `delay_ms` is the median, of echo requests that of round
    trips."""

    flow: int
    generation: int
    status: str
    bytes: int = 0
    seconds: float = 0.0
    retransmitted: int = 0
    reordered: int = 0
    checksum_source: str | None = None
    checksum_sink: str | None = None
    route: int | None = None
    reason: str | None = None
    sent: int | None = None
    received: int | None = None
    delay_ms: float | None = None


@dataclass(frozen=True, slots=True)
class EventState:
    """`applied` in seconds after the network was ready, `applied_after_ms` how late that was."""

    event: int
    status: str
    applied: float | None = None
    applied_after_ms: float | None = None
    packets_affected: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Actual:
    """What is, at one moment, each by the number of its node, link, route, flow or event."""

    nodes: Mapping[int, NodeState] = field(default_factory=dict)
    links: Mapping[int, LinkState] = field(default_factory=dict)
    routes: Mapping[int, RouteState] = field(default_factory=dict)
    flows: Mapping[int, FlowState] = field(default_factory=dict)
    events: Mapping[int, EventState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkMetric:
    """One sample of one direction of a link: that in which `node` sends. Counters are totals of the run.

    `drops` is packets by cause. Only causes that dropped any are stored; read back, the others count 0.
    `entered`: packets that were given to it, those that it dropped too. `datagrams`
    left in datagrams of a QUIC connection; `oversized` were to, and were too large. `rtt_us` and `most_bps`
    are of links between sites: the path's shortest round trip, and the most bits a second in an interval.
    """

    run: str
    time: datetime
    link: int
    node: int
    bytes: int
    packets: int
    drops: Mapping[str, int]
    queue: int
    entered: int = 0
    marked: int = 0
    duplicated: int = 0
    datagrams: int = 0
    oversized: int = 0
    rtt_us: int | None = None
    most_bps: int | None = None


@dataclass(frozen=True, slots=True)
class FlowMetric:
    """One sample of one flow at its source. Counters are totals of the run; windows are as they were then."""

    run: str
    time: datetime
    flow: int
    bytes: int
    acknowledged: int
    retransmitted: int
    srtt_us: int
    window: int
    timeouts: int = 0
    cwnd: int | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """Up to which samples somebody has read."""

    link: int = 0
    flow: int = 0


@dataclass(frozen=True, slots=True)
class News:
    """What changes have brought, all of it as it was at one moment.

    `looked_at` has the rows that were read, by table, None for all of them: those that `desired` and `actual`
    do not have are not there. `newest_run` is a run and its status, if that was looked at.
    """

    desired: Desired
    actual: Actual
    looked_at: Mapping[str, frozenset[int] | None]
    link_metrics: list[LinkMetric]
    flow_metrics: list[FlowMetric]
    marks: Marks
    newest_run: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class AlgorithmState:
    """An algorithm that runs or has run; `last_ms` is how long its last decision took, to its commit."""

    name: str
    algorithm: str
    status: str
    restarts: int = 0
    decisions: int = 0
    last_ms: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RunningRun:
    """The run that an experiment is in: when it began, and what the database's clock said just now, in s."""

    id: str
    scenario: str
    started: float
    now: float


@dataclass(frozen=True, slots=True)
class Run:
    """One run; `result` is the result document, once there is one."""

    id: str
    started: datetime
    ended: datetime | None
    status: str
    seed: int
    scenario: str
    result: str | None
