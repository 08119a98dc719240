"""What the next controller has to know of events, if this one is killed: kept before and after each step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nextmini.controller.events.layers import Layers
from nextmini.controller.events.tally import Tally

if TYPE_CHECKING:
    from nextmini.controller.events.layers import Spot
    from nextmini.controller.events.outcome import Record


@dataclass(slots=True)
class Journal:
    """All events of a run.

    `zero` is when flows were released, by the machine's clock that nobody sets. `done` has how many steps of
    each event are over. `begun` has those with a step under way that changes rows, and what was there when it
    began: whether that was written before the end came, the rows tell.
    """

    zero: float = 0.0
    records: dict[int, Record] = field(default_factory=dict)
    done: Counter[int] = field(default_factory=Counter)
    layers: Layers = field(default_factory=Layers)
    tally: Tally = field(default_factory=Tally)
    begun: dict[int, dict[Spot, Any]] = field(default_factory=dict)


def not_kept(journal: Journal) -> None:
    """For a controller that nobody goes on for."""
