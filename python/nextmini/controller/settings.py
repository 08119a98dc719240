"""What goes into a controller beside the database's rows, and what comes out for a progress display."""

from __future__ import annotations

from dataclasses import dataclass


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
    token: str
    key: str
    strict: bool = True
    """Whether a node, link or route that is refused before the start ends it, or is that row's state only."""


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
