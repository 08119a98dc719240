"""PostgreSQL: the embedded server, an experiment's rows, and the news of their changes."""

from __future__ import annotations

from nextmini.store.changes import ChangeSet
from nextmini.store.embedded import embedded_server
from nextmini.store.given_secrets import GivenSecrets, given_secrets
from nextmini.store.guard import Guard
from nextmini.store.listener import Listener
from nextmini.store.registry import RegisteredSite, Registration
from nextmini.store.rows import (
    RESYNC,
    Actual,
    AlgorithmState,
    Change,
    Desired,
    EventState,
    FlowMetric,
    FlowState,
    LinkMetric,
    LinkState,
    LinkUpdate,
    NodeState,
    RouteState,
    Run,
)
from nextmini.store.sharing import stop_unused_server
from nextmini.store.state import ExperimentSecrets, StateFolder, metrics_token
from nextmini.store.store import Store

__all__ = [
    "RESYNC",
    "Actual",
    "AlgorithmState",
    "Change",
    "ChangeSet",
    "Desired",
    "EventState",
    "ExperimentSecrets",
    "FlowMetric",
    "FlowState",
    "GivenSecrets",
    "Guard",
    "LinkMetric",
    "LinkState",
    "LinkUpdate",
    "Listener",
    "NodeState",
    "RegisteredSite",
    "Registration",
    "RouteState",
    "Run",
    "StateFolder",
    "Store",
    "embedded_server",
    "given_secrets",
    "metrics_token",
    "stop_unused_server",
]
