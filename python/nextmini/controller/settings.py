"""What goes into a controller beside the database's rows, and what comes out for a progress display."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nextmini.scenario.network import ROUTING, Routing

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.controller.devices import Devices
    from nextmini.controller.events import Journal
    from nextmini.controller.tls import ServerTls
    from nextmini.protocol import Timing
    from nextmini.scenario.network import Site


def _nothing(_: object) -> None:
    """Nobody goes on with this."""


def _no_command(_url: str, _site: str) -> str:
    """Nobody joins."""
    return ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the controller has to know beside the rows; times in seconds."""

    experiment: str
    run: str
    seed: int
    listen: str
    interval: float
    keep: float
    processes: int
    token: str = field(repr=False)
    key: str = field(repr=False)
    strict: bool = True
    """Whether a node, link or route that is refused before the start ends it, or is that row's state only."""
    restarts: bool = False
    """Whether somebody starts a dataplane process again that died."""
    timing: Timing = "normal"
    """How processes keep the moments at which packets leave."""
    watch_us: int = 10_000
    """How often they measure their own lateness."""
    ttl: bool = False
    """Whether nodes count down the time to live of IP packets."""
    pipe: int = 524_288
    """Bytes of the pipes that flows in max mode pass."""
    routing: Routing = ROUTING
    """How routes are computed, and what becomes of them over what is down."""
    sites: tuple[Site, ...] = ()
    """Where processes are that somebody starts there; none if all are here."""
    joins: Callable[[str, str], str] = _no_command
    """The command with which a process joins, from the controller's URL and the name of the site."""
    tls: ServerTls | None = None
    """What the server shows to who connects; without it nothing is encrypted."""
    devices: Devices | None = None
    """The TUN devices of nodes, if they have any."""
    holds_flows: bool = False
    """Whether flows wait, when everything else is in force, until they are let go."""
    keep_numbers: Callable[[int], None] = _nothing
    """Keeps a number of routes for a controller that may have to go on for this one (`RouteNames.keep`)."""
    keep_events: Callable[[Journal], None] = _nothing
    """Keeps what it has to know of events."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an experiment stands."""

    connected: int
    """Dataplane processes."""
    waiting: int
    """Nodes, links and routes that are not in force yet."""
    flows: int
    ended: int
    failed: int
    delivered: int
    """Bytes that receivers are known to have."""
