"""What a row of the table of events means."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import ValidationError

from nextmini.errors import RunError
from nextmini.scenario.event_table import EventEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.scenario.network import Event

Kind = Literal["set", "down", "up", "flap", "crash", "restart", "partition", "heal"]
Which = Literal["both", "forward", "backward"]

_OF_LINKS: tuple[Kind, ...] = ("set", "down", "up", "flap")
_OF_NODES: tuple[Kind, ...] = ("crash", "restart")


@dataclass(frozen=True, slots=True)
class Happening:
    """One event. Times in seconds, `at` and what follows from it after the flows were released.

    `settings` are those that `set` says, as texts; `which` is as the two ends stand in `link`. Of a flap,
    `duty` is the share of each `period` in which the link is up. Without a `duration` it is not undone.
    """

    id: int
    at: float
    kind: Kind
    link: tuple[str, str] | None = None
    node: str | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    which: Which = "both"
    period: float = 0.0
    duty: float = 0.5
    duration: float | None = None
    require_effect: bool = False

    @property
    def ends(self) -> float | None:
        """When it is undone."""
        return None if self.duration is None else self.at + self.duration

    @property
    def lasting(self) -> bool:
        """Whether what it changes stays as it then is."""
        return self.duration is None and self.kind != "flap"


def happening(event: Event) -> Happening:
    """What an event is. Raises RunError for a row that says nothing that could happen."""
    action = dict(event.action)
    settings = action.pop("set", None)
    try:
        said = EventEntry.model_validate({"at": "0 s", **action})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RunError(f"event {event.id} cannot be understood: {where}: {first['msg']}") from None
    if not (isfinite(event.at) and event.at >= 0):
        raise RunError(f"event {event.id} cannot be understood: at {event.at} s")
    if settings is not None and not (isinstance(settings, dict) and settings):
        raise RunError(f"event {event.id} cannot be understood: set is not a table of settings")
    return Happening(
        id=event.id,
        at=event.at,
        kind=_kind(event.id, said, settings is not None),
        link=said.link,
        node=said.node,
        groups=said.partition or (),
        settings=settings or {},
        which=said.direction,
        period=said.flap.period if said.flap else 0.0,
        duty=said.flap.duty if said.flap else 0.5,
        duration=said.duration,
        require_effect=said.require_effect,
    )


def _kind(id: int, said: EventEntry, sets: bool) -> Kind:
    """The one thing that happens. A partition without a word more is one."""
    kinds: list[Kind] = [kind for kind in get_args(Kind) if kind != "set" and getattr(said, kind)]
    if sets:
        kinds.append("set")
    if kinds == ["partition", "heal"]:
        kinds = ["heal"]
    if len(kinds) != 1:
        raise RunError(f"event {id} cannot be understood: it is {' and '.join(kinds) or 'nothing'}")
    (kind,) = kinds
    subjects = {key for key in ("link", "node", "partition") if getattr(said, key) is not None}
    if subjects != {"link" if kind in _OF_LINKS else "node" if kind in _OF_NODES else "partition"}:
        raise RunError(f"event {id} cannot be understood: {kind} of {' and '.join(sorted(subjects))}")
    return kind
