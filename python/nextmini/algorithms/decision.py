"""What an algorithm has decided: changes of rows, as data that somebody else writes.

Of several changes of one thing the last one counts, so a decision has each thing once, and the order does
not matter. Numbers of routes and flows below zero are those of this decision's own new rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NewRoute:
    """A route that is to be added."""

    path: Path
    weight: int


@dataclass(frozen=True, slots=True)
class NewFlow:
    """A flow that is to be added; sizes in bytes, times in seconds, rates in bit/s."""

    name: str
    source: int
    destination: int
    kind: str = "lossless"
    size: int | None = None
    duration: float | None = None
    rate: int | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class NewSettings:
    """What is to change of a link: keys of a direction, None to take one away; None changes nothing."""

    up: bool | None = None
    forward: Mapping[str, Any] = field(default_factory=dict, hash=False)
    backward: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(slots=True)
class Decision:
    """The changes, each by the number of the row that it is of."""

    new_routes: dict[int, NewRoute] = field(default_factory=dict)
    paths: dict[int, Path] = field(default_factory=dict)
    route_weights: dict[int, int] = field(default_factory=dict)
    removed_routes: set[int] = field(default_factory=set)
    pins: dict[int, int | None] = field(default_factory=dict)
    """The route that a flow must take; None if it may take any."""
    rates: dict[int, int | None] = field(default_factory=dict)
    flow_weights: dict[int, int] = field(default_factory=dict)
    costs: dict[int, float] = field(default_factory=dict)
    links: dict[int, NewSettings] = field(default_factory=dict)
    new_flows: dict[int, NewFlow] = field(default_factory=dict)
    removed_flows: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        return any(
            (
                *(self.new_routes, self.paths, self.route_weights, self.removed_routes, self.pins),
                *(self.rates, self.flow_weights, self.costs, self.links, self.new_flows, self.removed_flows),
            )
        )

    def __len__(self) -> int:
        """How many changes there are."""
        return sum(
            len(changes)
            for changes in (
                *(self.new_routes, self.paths, self.route_weights, self.removed_routes, self.pins),
                *(self.rates, self.flow_weights, self.costs, self.links, self.new_flows, self.removed_flows),
            )
        )

    def forget_route(self, route: int) -> None:
        """Takes out what was said of a route that is not going to be, and whatever is pinned to it."""
        self.new_routes.pop(route, None)
        self.paths.pop(route, None)
        self.route_weights.pop(route, None)
        self.pins = {flow: to for flow, to in self.pins.items() if to != route}

    def forget_flow(self, flow: int) -> None:
        """Takes out what was said of a flow that is not going to be."""
        for changes in (self.new_flows, self.rates, self.flow_weights, self.pins):
            changes.pop(flow, None)
