"""What a run has at hand while it lives; a part is None until it is there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nextmini import deaths
from nextmini.hosts.restarts import Restarts

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from nextmini.controller import Controller
    from nextmini.experiment.algorithms import Algorithms
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
    algorithms: Algorithms
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
    restarts: Restarts = field(default_factory=Restarts)
    """Of dataplane processes."""

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

    def process_died(self, process: int, story: str) -> float | None:
        """A dataplane process ended by itself: another one takes its place, if the scenario says so.

        Returns in how many seconds. Otherwise its flows have failed, and the run with them.
        """
        controller = self.parts.controller if self.parts is not None else None
        if self.network.on_process_death == "restart":
            pause = self.restarts.pause(process, asyncio.get_running_loop().time())
            if pause is not None:
                self.notes.append(f"{story}; it was started again")
                if controller is not None:
                    controller.process_restarts(process, story)
                return pause
            story = f"{story}; it has died {deaths.WORDS}"
        self.deaths.append(story)
        if controller is not None:
            controller.process_died(process, story)
        self.death.set()
        return None
