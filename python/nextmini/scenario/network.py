"""The network that a scenario describes, with nothing left open.

Every default is filled in, every generated node, link and flow is there, and each has its number. Numbers
start at 1 and follow the order in the scenario; node i has the i-th address of the prefix unless the
scenario gives it another.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast

from nextmini.scenario.arrival import CONSTANT, Arrival
from nextmini.scenario.direction import PLAIN, Direction
from nextmini.scenario.max_table import USUAL_PIPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.scenario.readiness import Readiness
    from nextmini.scenario.trace import Point, TraceKind

Timing = Literal["normal", "precise"]
Transport = Literal["memory", "tcp", "quic", "tls"]
Mapping = Literal["sequential", "concurrent"]
Origin = Literal["scenario", "computed"]
Reroute = Literal["none", "fast"]
Metric = Literal["cost", "hops", "delay", "inverse_capacity"]
RoutingMode = Literal["auto", "proactive", "reactive"]
MOST_TREES = 5_000
"""Nodes of a network with a shortest-path tree for each: they take 4 bytes for each pair of nodes."""
MOST_PATHS_AHEAD = 200
"""Nodes of a network with routes between all of them: with more, the rows take longer than the experiment."""
QUIC_CONGESTION = ("cubic", "reno", "bbr")
"""What QUIC links may do about losses; over TCP it is what the kernel has."""
PACKET_KINDS = ("udp", "icmp")
"""Kinds of flows that are packets which nobody sends again."""
UDP_HEADERS = 28
"""Bytes of IPv4 and UDP before the payload."""
PING_BYTES = 56
"""Of echo requests that nobody has said more of, as ping(8) has it."""


@dataclass(frozen=True, slots=True)
class Routing:
    """How routes are computed, for pairs of nodes for which nobody wrote any."""

    reroute: Reroute = "none"
    metric: Metric = "cost"
    mode: RoutingMode = "auto"


ROUTING = Routing()
"""As usual."""


@dataclass(frozen=True, slots=True)
class Socks:
    """An entrance at a node: `listen` is "address:port", `exit` the number of the node where others leave.

    `users` are credentials (see `nextmini.scenario.users`); there are none where anyone may use it. The file
    that they stand in is for who writes the scenario down.
    """

    listen: str
    mode: str
    exit: int | None
    users: tuple[str, ...]
    connections: int
    users_file: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a node may take of a machine: cores, bytes of memory; None is as much as there is."""

    cpu: float | None = None
    memory: int | None = None


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True)
class Node:
    """One node, its IPv4 and IPv6 addresses, and the dataplane process (counted from 0) that hosts it.

    TCP connections of programs in a `transparent` node are redirected to this port of its namespace, those to
    any port or to the `transparent_ports`. The `limits` are its container's, if it has one. A `flaw` is why a
    row of the database cannot be used; the nodes of a scenario have none.
    """

    id: int
    name: str
    address: str
    processors: int
    mapping: str
    hop_limit: int
    process: int
    up: bool = True
    address6: str | None = None
    socks: tuple[Socks, ...] = ()
    transparent: int | None = None
    transparent_ports: tuple[int, ...] | None = None
    flaw: str | None = None
    limits: Limits = UNLIMITED


@dataclass(frozen=True, slots=True)
class Site:
    """A place with `processes` dataplane processes, numbered from `first` on.

    `public` is where other sites reach it, None if they do not; `private` where its own processes do, None
    if they are on one machine. `ports` are the first and the last one that links may arrive at, None for any.
    `patience`, in seconds, is how long the controller waits for it.
    """

    name: str
    first: int
    processes: int
    public: str | None
    private: str | None
    ports: tuple[int, int] | None
    patience: float

    @property
    def process_range(self) -> range:
        """The numbers of its processes."""
        return range(self.first, self.first + self.processes)


@dataclass(frozen=True, slots=True)
class Link:
    """A link between nodes `a` and `b`; `transport` is one of `Transport`, never "auto".

    With `datagrams`, a QUIC link has packets that no session sends again in datagrams (RFC 9221).
    `forward` is from `a` to `b`, `backward` from `b` to `a`. A `flaw` is why a row of the database cannot be
    used; the links of a scenario have none.
    """

    id: int
    a: int
    b: int
    transport: str
    cost: float
    congestion: str
    mtu: int = 1500
    up: bool = True
    forward: Direction = PLAIN
    backward: Direction = PLAIN
    flaw: str | None = None
    datagrams: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A path in one direction, from its first node to its last."""

    id: int
    path: tuple[int, ...]
    weight: int
    origin: str


@dataclass(frozen=True, slots=True)
class Flow:
    """Traffic from `source` to `destination`.

    `size` is in bytes, `duration` and `start` in seconds (`start` counts from the moment the network is
    ready), `rate` in bit/s. A flow with neither size nor duration lasts as long as the experiment. Only a
    `udp` or `icmp` flow has a `packet_size` (payload bytes of each packet) and an `arrival` process, only a
    `udp` flow `ecn`. An `icmp` flow is echo requests, and what arrives of it are the replies. Only a `tcp`
    flow has `congestion` ("cubic", "reno" or "none") and a `family` ("ipv4" or "ipv6").
    """

    id: int
    name: str
    source: int
    destination: int
    kind: str
    mode: str
    size: int | None
    duration: float | None
    rate: int | None
    weight: int
    start: float
    packet_size: int | None = None
    arrival: Arrival = CONSTANT
    ecn: bool = False
    congestion: str | None = None
    family: str | None = None

    @property
    def packets(self) -> bool:
        """Whether it is packets that nobody sends again."""
        return self.kind in PACKET_KINDS


@dataclass(frozen=True, slots=True)
class Demand:
    """Flows that are reported on together, by their numbers.

    `start` and `duration` are in seconds: when they may start. There is no duration if nobody has said one.
    """

    id: int
    name: str
    start: float
    duration: float | None
    flows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Class:
    """Packets that are treated alike, by what they match; of several classes the first counts.

    `rate` is in bit/s, over each direction of a link.
    """

    id: int
    source: int | None
    destination: int | None
    protocol: int | None
    port: int | None
    rate: int | None
    weight: int | None


@dataclass(frozen=True, slots=True)
class Trace:
    """A rate that changes: `points` are (nanoseconds, value), what a value is says `kind`.

    `rates`: bit/s from then on. `opportunities`: so many times 1,500 bytes may leave. After `period` seconds
    it begins again, if that is not 0.
    """

    id: int
    name: str
    kind: TraceKind
    period: float
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """A change at `at` seconds after the network is ready; `action` is what a scenario says of it."""

    id: int
    at: float
    action: dict[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class App:
    """A program in a node: `command` is a text for a shell, or the words of a program and its arguments.

    `start` (at the earliest, after the moment the network is ready) and `ready_within` are in seconds; `cwd`
    is seen from the working folder of whoever runs it. In the `background`, it is stopped when the run ends.
    """

    id: int
    name: str
    node: int
    command: str | tuple[str, ...]
    ready: Readiness | None
    ready_within: float
    start: float
    expect_exit: int
    env: tuple[tuple[str, str], ...]
    cwd: str | None
    background: bool


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A plugin: `use` says which, as in a scenario; `parameters` are JSON, `timeout` is in seconds."""

    id: int
    name: str
    use: str
    parameters: str
    on_failure: Literal["restart", "stop"]
    timeout: float

    def said(self) -> dict[str, Any]:
        """Its parameters as a scenario has them."""
        return cast("dict[str, Any]", json.loads(self.parameters))


@dataclass(frozen=True, slots=True)
class Network:
    """Everything that a run needs to know; `duration`, `interval` and `keep` are in seconds.

    `pipe` is the most bytes that a connection in max mode has under way inside a process, in each direction.
    `transparent` and `transparent_ports` are of nodes of which nothing else is said, those that come later
    too.
    """

    name: str
    seed: int
    duration: float | None
    interval: float
    processes: int
    on_process_death: str
    keep: float
    listen: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    routes: tuple[Route, ...]
    flows: tuple[Flow, ...]
    prefix: str = "10.0.0.0/8"
    prefix6: str = "fd00:6e6d::/64"
    isolation: str = "none"
    mtu: int = 1500
    classes: tuple[Class, ...] = ()
    traces: tuple[Trace, ...] = ()
    events: tuple[Event, ...] = ()
    apps: tuple[App, ...] = ()
    demands: tuple[Demand, ...] = ()
    algorithms: tuple[Algorithm, ...] = ()
    timing: Timing = "normal"
    ttl: bool = False
    queues: int = 1
    offload: bool = True
    pipe: int = USUAL_PIPE
    tls: bool = False
    transparent: bool = False
    transparent_ports: tuple[int, ...] | None = None
    routing: Routing = ROUTING
    sites: tuple[Site, ...] = ()
    """In the order of their processes; without any, all processes are on this machine."""
    public: str | None = None
    """Where sites reach the controller, if somebody has said it."""

    def node(self, id: int) -> Node:
        """The node with this number.

        Raises KeyError if there is none.
        """
        if not 1 <= id <= len(self.nodes):
            raise KeyError(id)
        return self.nodes[id - 1]

    def node_named(self, name: str) -> Node:
        """The node with this name.

        Raises KeyError if there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)


def usual_payload(kind: str, mtu: int) -> int | None:
    """Payload bytes of each packet of a flow of which nobody has said it; None if it is not of packets."""
    if kind not in PACKET_KINDS:
        return None
    return PING_BYTES if kind == "icmp" else mtu - UDP_HEADERS


def process_of(id: int, nodes: int, processes: int) -> int:
    """The dataplane process, counted from 0, of node `id`: equal blocks of neighbouring numbers."""
    return (id - 1) * processes // nodes


class Placed(Protocol):
    """Something with dataplane processes of its own, as a site."""

    @property
    def process_range(self) -> range: ...


P = TypeVar("P", bound=Placed)


def site_of(process: int, sites: Sequence[P]) -> P | None:
    """The site of a process, if it is in one."""
    return next((site for site in sites if process in site.process_range), None)


def link_transport(asked: str, process_a: int, process_b: int, sites: Sequence[Placed] = ()) -> Transport:
    """What "auto" stands for: memory inside a process, tcp between two, quic between two sites."""
    if asked == "auto":
        if site_of(process_a, sites) != site_of(process_b, sites):
            return "quic"
        return "memory" if process_a == process_b else "tcp"
    return cast("Transport", asked)
