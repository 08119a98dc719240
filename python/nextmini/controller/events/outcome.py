"""What became of an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nextmini.store import EventState

if TYPE_CHECKING:
    from nextmini.controller.events.happening import Happening
    from nextmini.controller.events.timeline import Step
    from nextmini.scenario.network import Event

Status = Literal["applied", "not_reached", "failed"]

UNCONFIRMED = "the run ended before it was in force"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An event at the end of a run: `applied_after_ms` is how late it was in force, at worst."""

    at: float
    what: str
    status: Status
    applied_after_ms: float | None = None
    packets_affected: int | None = None
    reason: str | None = None
    require_effect: bool = False

    @property
    def without_effect(self) -> bool:
        """Whether it was in force and touched no packet."""
        return self.status == "applied" and not self.packets_affected


@dataclass(slots=True)
class Record:
    """An event while it goes on; `applied` is when it was first in force."""

    id: int
    at: float
    what: str
    event: Happening | None
    row: Event | None = None
    status: Literal["pending", "applied", "undone", "failed"] = "pending"
    applied: float | None = None
    late: float = 0.0
    begun: bool = False
    reason: str | None = None

    def fail(self, reason: str) -> None:
        """It cannot be done, or undone."""
        self.status, self.reason = "failed", reason

    def confirmed(self, step: Step, now: float) -> None:
        """A step of it is in force, `now` seconds after the flows were released."""
        self.late = max(self.late, now - step.at)
        if self.applied is None:
            self.applied = now
            self.status = "applied"
        if step.last:
            self.status = "undone"

    def state(self, packets: int) -> EventState:
        """Its row."""
        if self.applied is None:
            return EventState(self.id, self.status, reason=self.reason)
        late = round(self.late * 1000, 3)
        return EventState(self.id, self.status, round(self.applied, 6), late, packets, self.reason)

    def outcome(self, packets: int) -> Outcome:
        """What became of it, if this is the end."""
        required = self.event is not None and self.event.require_effect
        status: Status = "not_reached"
        if self.status != "pending":
            status = "failed" if self.status == "failed" else "applied"
        return Outcome(
            at=self.at,
            what=self.what,
            status=status,
            applied_after_ms=None if self.applied is None else round(self.late * 1000, 3),
            packets_affected=None if self.applied is None else packets,
            reason=UNCONFIRMED if status == "not_reached" and self.begun else self.reason,
            require_effect=required,
        )
