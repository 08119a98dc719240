"""Rows as the rest of Nextmini sees them. What is desired comes as `nextmini.scenario.network`'s types.

Field names and their order are those of the tables (migrations/*.sql), which say what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nextmini.scenario.network import Flow, Link, Node, Route


@dataclass(frozen=True, slots=True)
class Desired:
    """What should be, at one moment, each by its number; `pins` gives the route that a flow must take."""

    nodes: Mapping[int, Node] = field(default_factory=dict)
    links: Mapping[int, Link] = field(default_factory=dict)
    routes: Mapping[int, Route] = field(default_factory=dict)
    flows: Mapping[int, Flow] = field(default_factory=dict)
    pins: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """Rows of a table that were changed; `ids` is None when they are too many to name.

    `op` is "insert", "update", "delete" or "truncate". The ids are numbers of nodes, links, routes or flows,
    whichever the table is about; none are given for `runs`.
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


@dataclass(frozen=True, slots=True)
class Actual:
    """What is, at one moment, each by the number of its node, link, route or flow."""

    nodes: Mapping[int, NodeState] = field(default_factory=dict)
    links: Mapping[int, LinkState] = field(default_factory=dict)
    routes: Mapping[int, RouteState] = field(default_factory=dict)
    flows: Mapping[int, FlowState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkMetric:
    """One sample of one direction of a link: that in which `node` sends. Counters are totals of the run.

    `drops` is packets by cause. Only causes that dropped any are stored; read back, the others count 0.
    """

    run: str
    time: datetime
    link: int
    node: int
    bytes: int
    packets: int
    drops: Mapping[str, int]
    queue: int


@dataclass(frozen=True, slots=True)
class FlowMetric:
    """One sample of one flow at its source. Counters are totals of the run."""

    run: str
    time: datetime
    flow: int
    bytes: int
    acknowledged: int
    retransmitted: int
    srtt_us: int
    window: int


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
