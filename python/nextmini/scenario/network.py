"""The network that a scenario describes, with nothing left open.

Every default is filled in, every generated node, link and flow is there, and each has its number. Numbers
start at 1 and follow the order in the scenario; node i has the i-th address of the prefix unless the
scenario gives it another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

Transport = Literal["memory", "tcp"]
Mapping = Literal["sequential", "concurrent"]
Origin = Literal["scenario", "computed"]


@dataclass(frozen=True, slots=True)
class Node:
    """One node, and the dataplane process (counted from 0) that hosts it."""

    id: int
    name: str
    address: str
    processors: int
    mapping: str
    hop_limit: int
    process: int


@dataclass(frozen=True, slots=True)
class Link:
    """A link between nodes `a` and `b`; `transport` is "memory" or "tcp", never "auto"."""

    id: int
    a: int
    b: int
    transport: str
    cost: float
    congestion: str


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
    ready), `rate` in bit/s. A flow with neither size nor duration lasts as long as the experiment.
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


@dataclass(frozen=True, slots=True)
class Network:
    """Everything that a run needs to know; `duration`, `interval` and `keep` are in seconds."""

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


def process_of(id: int, nodes: int, processes: int) -> int:
    """The dataplane process, counted from 0, of node `id`: equal blocks of neighbouring numbers."""
    return (id - 1) * processes // nodes


def link_transport(asked: str, process_a: int, process_b: int) -> Transport:
    """What "auto" stands for: memory inside a process, tcp between two."""
    if asked == "auto":
        return "memory" if process_a == process_b else "tcp"
    return cast("Transport", asked)
