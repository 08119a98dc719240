"""What a run has at hand while it lives; a part is None until it is there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from nextmini.controller import Controller
    from nextmini.experiment.apps import Apps
    from nextmini.experiment.folder import RunFolder
    from nextmini.experiment.interrupt import Interrupt
    from nextmini.experiment.observer import Observer
    from nextmini.experiment.options import RunOptions, Status
    from nextmini.hosts.local import LocalProcesses
    from nextmini.scenario import Network
    from nextmini.store import Guard, Store


@dataclass(frozen=True, slots=True)
class Parts:
    """What can only be there together."""

    store: Store
    controller: Controller
    processes: LocalProcesses
    apps: Apps
    folder: RunFolder
    guard: Guard
    """Of the database server."""
    register: Callable[[], None]
    """Tells others that the network is in force."""


@dataclass(slots=True)
class RunState:
    """One run."""

    id: str
    network: Network
    scenario: str
    options: RunOptions
    interrupt: Interrupt
    observer: Observer
    parts: Parts | None = None
    began: datetime | None = None
    """When it began, if this process goes on with a run of another one."""
    begun: bool = False
    """Whether there is something to report: rows were written."""
    ready_at: float | None = None
    ended_at: float = 0.0
    """When the network was ready and when the end came, by the event loop's clock, in s."""
    deaths: list[str] = field(default_factory=list)
    """Processes that ended by themselves, as sentences."""
    death: asyncio.Event = field(default_factory=asyncio.Event)
    document: dict[str, Any] | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """From the moment the network was ready to the end."""
        return 0.0 if self.ready_at is None else self.ended_at - self.ready_at

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped before its time; one that is to run until it is stopped has had its time."""
        awaited = self.options.until == "stopped" and self.ready_at is not None
        return self.interrupt.requested and not awaited

    def status(self) -> Status:
        """The run's, when all flows have ended."""
        if self.interrupted:
            return "interrupted"
        failed = self.parts.controller.flows.failed if self.parts else 0
        return "failed" if self.problems or self.deaths or failed else "passed"

    def process_died(self, process: int, story: str) -> None:
        """A dataplane process ended by itself: its flows have failed, and the run with them."""
        self.deaths.append(story)
        if self.parts is not None:
            self.parts.controller.process_died(process, story)
        self.death.set()
