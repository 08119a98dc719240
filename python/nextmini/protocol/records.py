"""The records that control messages are made of: one class for each kind of list element.

Field names and their order are those of the Rust types in `nextmini-wire`; the contract test and the golden
vectors of `tests/golden/control.json` hold the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mapping = Literal["sequential", "concurrent"]
Transport = Literal["memory", "tcp"]
RecordKind = Literal["node", "link", "route", "flow"]
LinkStatus = Literal["up", "down"]
FlowEnd = Literal["source", "sink"]
FlowStatus = Literal["running", "completed", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A node that the process hosts."""

    id: int
    name: str
    address: str
    processors: int
    mapping: Mapping
    hop_limit: int


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """A link with at least one end in the process.

    `dial`: this process opens the connection, to `peer` ("host:port"). `listen_end`: it waits for it.
    """

    id: int
    a: int
    b: int
    transport: Transport
    congestion: str
    cost: float
    dial: bool
    listen_end: bool
    peer: str | None = None


@dataclass(frozen=True, slots=True)
class RouteRecord:
    """A directed route that visits a node of the process: node ids from its source to its destination."""

    id: int
    path: tuple[int, ...]
    weight: int


@dataclass(frozen=True, slots=True)
class FlowRecord:
    """A flow whose source is in the process: `size` in bytes, `duration` and `start` in s, `rate` in bit/s.

    `start` counts from the moment the flow is applied.
    """

    id: int
    source: int
    destination: int
    kind: str
    size: int | None
    duration: float | None
    rate: int | None
    weight: int
    start: float


@dataclass(frozen=True, slots=True)
class Rejection:
    """One record that the process could not apply, and why."""

    kind: RecordKind
    id: int
    reason: str


@dataclass(frozen=True, slots=True)
class LinkChange:
    """The state of a link as seen by the process of one of its ends."""

    link: int
    state: LinkStatus
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """A link and its two nodes, which a process need not know otherwise."""

    link: int
    a: int
    b: int


@dataclass(frozen=True, slots=True)
class FlowChange:
    """What one end of a flow knows: `bytes` and `seconds` are measured at that end.

    `checksum` is "xxh3:" and 16 hexadecimal digits over the bytes sent or received, in order.
    """

    flow: int
    end: FlowEnd
    status: FlowStatus
    bytes: int
    seconds: float
    retransmitted: int
    reordered: int
    checksum: str | None = None
    route: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Drops:
    """Packets dropped at the sending end of a link, by cause."""

    queue: int = 0
    red: int = 0
    codel: int = 0
    loss: int = 0
    corrupt: int = 0
    down: int = 0
    no_route: int = 0
    ttl: int = 0
    hop_limit: int = 0
    mtu: int = 0
    local: int = 0
    overrun: int = 0
    auth: int = 0


@dataclass(frozen=True, slots=True)
class LinkCounters:
    """Cumulative counters of one direction of a link; `node` is its sending end, `queue` in bytes."""

    link: int
    node: int
    bytes: int
    packets: int
    queue: int
    drops: Drops


@dataclass(frozen=True, slots=True)
class FlowCounters:
    """Cumulative counters of a flow at its source; `srtt_us` in microseconds, `window` in bytes."""

    flow: int
    bytes: int
    acknowledged: int
    retransmitted: int
    srtt_us: int
    window: int
