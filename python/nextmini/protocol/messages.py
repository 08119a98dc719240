"""The control messages between the controller and a dataplane process.

Each is a MessagePack map with its fields by name and its name under "type". One WebSocket message carries one
control message. `Hello` opens the conversation, and `Welcome` answers it; before that, a process that knows
only its site asks with `Join` which one it is, and `Seat` answers. Each `Apply` is answered by exactly one
`Applied` with the same generation; `Stop` is answered by the last metrics, flow states and `Bye`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# At run time too: the codec reads the annotations.
from nextmini.protocol.direction import ClassRecord, TraceRecord  # noqa: TC001
from nextmini.protocol.fidelity import LinkFidelity, ProcessFidelity  # noqa: TC001
from nextmini.protocol.records import (  # noqa: TC001
    AddressRecord,
    BrokenLink,
    FlowChange,
    FlowCounters,
    FlowRecord,
    LinkChange,
    LinkCounters,
    LinkMark,
    LinkRecord,
    NodeRecord,
    Rejection,
    RouteRecord,
    SinkCounters,
)

VERSION = 4
"""The protocol's version: the first message of either side carries it."""

Timing = Literal["normal", "precise"]


@dataclass(frozen=True, slots=True)
class Join:
    """Dataplane, first, if it knows the site that it is at and not yet which of its processes it is."""

    version: int
    site: str


@dataclass(frozen=True, slots=True)
class Hello:
    """Dataplane, first otherwise: `process` is its index from 0, `listen` is its link listener's "host:port".

    `instance` was drawn when it began: another process has another one. `public` is the address at which
    other sites reach it, if that is not what the scenario says.
    """

    version: int
    process: int
    pid: int
    listen: str
    instance: int = 0
    public: str | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """Dataplane: everything of `generation` is in force, except what is rejected.

    `marks` are of the directions of links here that it changed.
    """

    generation: int
    rejected: tuple[Rejection, ...] = ()
    marks: tuple[LinkMark, ...] = ()


@dataclass(frozen=True, slots=True)
class RoutesWanted:
    """Dataplane: packets wait (or were dropped) for want of a route from source to destination."""

    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class LinkState:
    """Dataplane: links whose end here went up or down."""

    changes: tuple[LinkChange, ...]


@dataclass(frozen=True, slots=True)
class FlowState:
    """Dataplane: flows whose end here started or ended."""

    changes: tuple[FlowChange, ...]


@dataclass(frozen=True, slots=True)
class Metrics:
    """Dataplane: counters that changed since the last sample."""

    links: tuple[LinkCounters, ...] = ()
    flows: tuple[FlowCounters, ...] = ()
    sinks: tuple[SinkCounters, ...] = ()


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Dataplane, at the end: how true it was to what was asked, since it began."""

    process: ProcessFidelity
    links: tuple[LinkFidelity, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeFailed:
    """Dataplane: a task of the node ended unexpectedly; the node is gone, the process goes on."""

    node: int
    reason: str


@dataclass(frozen=True, slots=True)
class Error:
    """Either side: the other one did something that the protocol does not allow."""

    reason: str


@dataclass(frozen=True, slots=True)
class Bye:
    """Dataplane, last: everything was sent, the process ends."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Controller, answer to `Join`: which process it is, and where it is to accept links.

    `host` is an address without a port, `ports` the first and the last one that will do, None for any; unless
    somebody has told the process otherwise.
    """

    process: int
    host: str
    ports: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Welcome:
    """Controller, answer to `Hello`: `key` (64 hexadecimal digits) is for links, `seed` has 64 bits.

    `timing` says how deadlines are kept, `ttl` whether nodes count down the time to live of IP packets,
    `watch_us` how often the process measures its own lateness, in microseconds, `pipe` the bytes of the pipes
    that flows in max mode pass.
    """

    version: int
    experiment: str
    key: str
    seed: int
    interval_ms: int
    timing: Timing = "normal"
    ttl: bool = False
    watch_us: int = 10_000
    pipe: int = 524_288


@dataclass(frozen=True, slots=True)
class Apply:
    """Controller: removals (flows, routes, links, nodes), then the others in the order that they have here.

    `classes` are all of them, in the order in which they are tried; None if they are as they were.
    """

    generation: int
    classes: tuple[ClassRecord, ...] | None = None
    traces: tuple[TraceRecord, ...] = ()
    addresses: tuple[AddressRecord, ...] = ()
    nodes: tuple[NodeRecord, ...] = ()
    links: tuple[LinkRecord, ...] = ()
    routes: tuple[RouteRecord, ...] = ()
    flows: tuple[FlowRecord, ...] = ()
    remove_nodes: tuple[int, ...] = ()
    remove_links: tuple[int, ...] = ()
    remove_routes: tuple[int, ...] = ()
    remove_flows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NoRoutes:
    """Controller, to `RoutesWanted`: there is no path between these pairs at present."""

    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class LinkBroken:
    """Controller: what was under way on these links may be lost; sources over them resend it."""

    links: tuple[BrokenLink, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Controller: end all sources, send the last metrics and flow states, then `Bye`, then exit with 0."""


Message = (
    Join
    | Hello
    | Applied
    | RoutesWanted
    | LinkState
    | FlowState
    | Metrics
    | Fidelity
    | NodeFailed
    | Error
    | Bye
    | Seat
    | Welcome
    | Apply
    | NoRoutes
    | LinkBroken
    | Stop
)

TYPES: dict[str, type[Message]] = {
    "join": Join,
    "hello": Hello,
    "applied": Applied,
    "routes_wanted": RoutesWanted,
    "link_state": LinkState,
    "flow_state": FlowState,
    "metrics": Metrics,
    "fidelity": Fidelity,
    "node_failed": NodeFailed,
    "error": Error,
    "bye": Bye,
    "seat": Seat,
    "welcome": Welcome,
    "apply": Apply,
    "no_routes": NoRoutes,
    "link_broken": LinkBroken,
    "stop": Stop,
}
"""Every message by the name it has on the wire."""
