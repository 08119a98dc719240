"""The records that control messages are made of: one class for each kind of list element.

Field names and their order are those of the Rust types in `nextmini-wire`; the contract test and the golden
vectors of `tests/golden/control.json` hold the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nextmini.protocol.direction import CONSTANT, PLAIN, ArrivalRecord, DirectionRecord
from nextmini.protocol.fidelity import NEVER_MEASURED, Quantiles

Mapping = Literal["sequential", "concurrent"]
Transport = Literal["memory", "tcp", "quic", "tls"]
RecordKind = Literal["node", "link", "route", "flow"]
LinkStatus = Literal["up", "down"]
SocksMode = Literal["max", "normal"]
FlowEnd = Literal["source", "sink"]
FlowStatus = Literal["running", "completed", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """The TUN device of a node, which is there already: `name` in the `namespace` with this path.

    `queues` is how many it was made with; `offload`: whether the kernel may leave checksums and segmentation
    to the process.
    """

    namespace: str
    name: str
    queues: int
    offload: bool


@dataclass(frozen=True, slots=True)
class SocksRecord:
    """Where SOCKS clients are served: `listen` is "address:port" in the node's namespace, or on the machine.

    `exit` is the node from whose machine connections to addresses outside of the network go on; None if none
    do. `users` are 64 hexadecimal digits each; anyone may use it if there are none.
    """

    listen: str
    mode: SocksMode
    exit: int | None
    users: tuple[str, ...]
    connections: int


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A node that the process hosts; one that is not `up` has lost everything it knew.

    `device` is where its programs' packets come from; a node without answers pings itself. `transparent` is
    the port of its namespace at which TCP connections of its programs arrive that are redirected.
    """

    id: int
    name: str
    address: str
    processors: int
    mapping: Mapping
    hop_limit: int
    up: bool = True
    address6: str | None = None
    device: DeviceRecord | None = None
    socks: tuple[SocksRecord, ...] = ()
    transparent: int | None = None


@dataclass(frozen=True, slots=True)
class AddressRecord:
    """The name and addresses of a node that may be hosted anywhere; `address` is None if it is no more."""

    node: int
    name: str
    address: str | None
    address6: str | None = None


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """A link with at least one end in the process.

    `dial`: this process opens the connection, to `peer` ("host:port"). `listen_end`: it waits for it.
    `forward` is from `a` to `b`, `backward` from `b` to `a`. With `datagrams`, a QUIC connection has packets
    that no session sends again in datagrams (RFC 9221).
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
    mtu: int = 1500
    up: bool = True
    forward: DirectionRecord = PLAIN
    backward: DirectionRecord = PLAIN
    datagrams: bool = False
    apart: bool = False
    """Whether it leads to another site."""


LARGEST_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class RouteRecord:
    """A directed route that visits a node of the process: node ids from its source to its destination.

    `chunk` is the most bytes that lossless sessions may put into one chunk on it. With a `weight` of 0 no
    flow takes it, and what is on it goes on. `row` is the row that it stands for, if that has another number.
    """

    id: int
    path: tuple[int, ...]
    weight: int
    chunk: int = LARGEST_CHUNK
    row: int | None = None


@dataclass(frozen=True, slots=True)
class FlowRecord:
    """A flow whose source is in the process: `size` in bytes, `duration` and `start` in s, `rate` in bit/s.

    `start` counts from the moment the flow is applied. Three are for `udp`: payload bytes a packet, when they
    are sent, and whether they may be marked instead of dropped. Two are for `tcp`: what it does
    about losses ("none", "reno" or "cubic", which None stands for), and whether it is one of IPv6. `route` is
    the row of the route that it takes, whatever the weights say; it waits while nothing stands for that row.
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
    packet_size: int | None = None
    arrival: ArrivalRecord = CONSTANT
    ecn: bool = False
    congestion: str | None = None
    v6: bool = False
    route: int | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """One record that the process could not apply, and why."""

    kind: RecordKind
    id: int
    reason: str


@dataclass(frozen=True, slots=True)
class LinkMark:
    """How many packets had been given to a direction of a link when what it is to do changed.

    `node` is its sending end.
    """

    link: int
    node: int
    entered: int


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
class Datagrams:
    """Packets of a `udp` flow; at its source, only how many were sent.

    At the sink: `packets` that arrived, each counted once, and those that arrived again, behind one that was
    sent later (RFC 4737), damaged, or marked; the one-way `delay`; the jitter of RFC 3550, section 6.4.1.
    """

    packets: int = 0
    duplicates: int = 0
    reordered: int = 0
    corrupted: int = 0
    marked: int = 0
    delay: Quantiles = NEVER_MEASURED
    jitter_ns: int = 0


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
    datagrams: Datagrams | None = None
    timeouts: int = 0


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
    """Cumulative counters of one direction of a link; `node` is its sending end, `queue` in bytes.

    `entered`: packets that were given to it, those that it dropped too. `bytes` and `packets` left.
    `datagrams` of these left in datagrams of a QUIC connection; `oversized` were to, and were too large.
    """

    link: int
    node: int
    bytes: int
    packets: int
    queue: int
    drops: Drops
    entered: int = 0
    marked: int = 0
    duplicated: int = 0
    datagrams: int = 0
    oversized: int = 0
    rtt_us: int | None = None
    """The shortest round trip of its connection to another site."""


@dataclass(frozen=True, slots=True)
class FlowCounters:
    """Cumulative counters of a flow at its source; `srtt_us` in microseconds, `window` and `cwnd` in bytes.

    Of a `tcp` flow, `window` is what is under way, and `cwnd` the congestion window, if it has one. `route`
    is the one that it takes now, by its number on the wire.
    """

    flow: int
    bytes: int
    acknowledged: int
    retransmitted: int
    srtt_us: int
    window: int
    timeouts: int = 0
    cwnd: int | None = None
    route: int | None = None


@dataclass(frozen=True, slots=True)
class SinkCounters:
    """Cumulative counters of a `udp` flow at its sink: payload bytes and packets, each counted once."""

    flow: int
    bytes: int
    packets: int
