"""Rows as an algorithm sees them: nodes, links, routes, flows, and what was measured of them.

Plain values that never change. Numbers (`id`, and whatever names another row) are those of the database;
times and durations are in seconds, rates in bit/s, sizes in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NONE: frozenset[int] = frozenset()

ENDED = ("completed", "failed", "stopped")
"""Statuses of flows that are over."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node. `up`: it is to work, and works."""

    id: int
    name: str
    address: str = ""
    up: bool = True


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a link.

    `rate` is None where nothing limits it. `loss` is a share from 0 to 1, None where losses follow a model
    instead. `settings` are all keys of the row, in the words of a scenario; do not change it.
    """

    rate: float | None = None
    delay: float = 0.0
    loss: float | None = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Link:
    """A link between nodes `a` and `b`; `forward` is from `a` to `b`.

    `up`: it and both of its nodes are to work, and work. `enabled`: its own row says that it is to work.
    """

    id: int
    a: int
    b: int
    cost: float = 1.0
    up: bool = True
    forward: Direction = Direction()
    backward: Direction = Direction()
    mtu: int = 1500
    enabled: bool = True

    def direction(self, from_node: int) -> Direction:
        """The direction in which this node sends. Raises ValueError if it is no end of the link."""
        if from_node not in (self.a, self.b):
            raise ValueError(f"node {from_node} is no end of link {self.id}")
        return self.forward if from_node == self.a else self.backward

    def other(self, node: int) -> int:
        """The other end. Raises ValueError if the node is no end of the link."""
        if node not in (self.a, self.b):
            raise ValueError(f"node {node} is no end of link {self.id}")
        return self.b if node == self.a else self.a


@dataclass(frozen=True, slots=True)
class Route:
    """A path in one direction, from its first node to its last.

    Of several routes of a pair, a flow takes one by their weights, unless it is pinned. `origin` says who
    made it ("scenario", "computed", "algorithm:<name>"); `status` is "pending" until processes have it, then
    "installed", "down", "rejected" or "failed".
    """

    id: int
    path: tuple[int, ...]
    weight: int = 1
    origin: str = "scenario"
    status: str = "pending"

    @property
    def source(self) -> int:
        """Its first node."""
        return self.path[0]

    @property
    def destination(self) -> int:
        """Its last node."""
        return self.path[-1]


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow. `status` is "waiting", "running", "completed", "failed" or "stopped".

    `size` is in bytes, `duration` in seconds, `rate` in bit/s; None where there is no such bound. `route` is
    the one that it takes, as far as its source has said; `pinned` the one that it must take. `bytes` have
    been delivered so far.
    """

    id: int
    name: str
    source: int
    destination: int
    kind: str = "lossless"
    mode: str = "normal"
    size: int | None = None
    duration: float | None = None
    rate: int | None = None
    weight: int = 1
    status: str = "waiting"
    route: int | None = None
    bytes: int = 0
    pinned: int | None = None

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class LinkSample:
    """What one direction of a link, that in which `node` sends, did in an interval that ended at `time`.

    `seconds` is how long the interval was; `bytes`, `packets` and `drops` (packets by cause) are of it alone;
    `queue` is how many packets waited at its end.
    """

    link: int
    node: int
    time: float
    seconds: float
    bytes: int
    packets: int
    drops: Mapping[str, int] = field(default_factory=dict, hash=False)
    queue: int = 0

    @property
    def bits_per_second(self) -> float:
        """The rate over the interval."""
        return self.bytes * 8 / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class FlowSample:
    """What the source of a flow did in an interval that ended at `time`.

    `seconds` is how long the interval was; `bytes` (sent), `acknowledged` (bytes), `retransmitted` (packets
    or chunks) and `timeouts` are of it alone; `srtt` is the smoothed round trip in seconds, `window` and
    `cwnd` (the congestion window, of flows that have one) are in bytes.
    """

    flow: int
    time: float
    seconds: float
    bytes: int
    acknowledged: int
    retransmitted: int = 0
    srtt: float = 0.0
    window: int = 0
    timeouts: int = 0
    cwnd: int | None = None

    @property
    def bits_per_second(self) -> float:
        """The rate at which bytes were acknowledged; at which they left, where nobody acknowledges them."""
        moved = self.acknowledged or self.bytes
        return moved * 8 / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class TopologyChange:
    """Nodes and links, by number, of which something is other than before.

    `changed`: settings, cost or names; `down` and `up`: it went down, or came up, whoever wanted that. A row
    that was added is in `added` alone, one that was removed in `removed` alone.
    """

    nodes_added: frozenset[int] = _NONE
    nodes_removed: frozenset[int] = _NONE
    nodes_changed: frozenset[int] = _NONE
    nodes_down: frozenset[int] = _NONE
    nodes_up: frozenset[int] = _NONE
    links_added: frozenset[int] = _NONE
    links_removed: frozenset[int] = _NONE
    links_changed: frozenset[int] = _NONE
    links_down: frozenset[int] = _NONE
    links_up: frozenset[int] = _NONE

    def __bool__(self) -> bool:
        return any(
            (
                *(self.nodes_added, self.nodes_removed, self.nodes_changed, self.nodes_down, self.nodes_up),
                *(self.links_added, self.links_removed, self.links_changed, self.links_down, self.links_up),
            )
        )
