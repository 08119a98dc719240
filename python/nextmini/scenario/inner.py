"""Tables inside of tables: which model a key's value has, if it is written as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextmini.scenario.arrival import Arrival
from nextmini.scenario.class_table import Match
from nextmini.scenario.direction import DirectionKeys
from nextmini.scenario.event_table import Flap
from nextmini.scenario.impairments import Chance, Jitter, drop_table, loss_table
from nextmini.scenario.limits_table import LimitsTable
from nextmini.scenario.max_table import NodeMax
from nextmini.scenario.trace import TraceTable

if TYPE_CHECKING:
    from nextmini.scenario.table import Table

_MODELS: dict[str, type[Table]] = {
    "jitter": Jitter,
    "duplicate": Chance,
    "reorder": Chance,
    "corrupt": Chance,
    "trace": TraceTable,
    "arrival": Arrival,
    "forward": DirectionKeys,
    "backward": DirectionKeys,
    "set": DirectionKeys,
    "match": Match,
    "flap": Flap,
    "max": NodeMax,
    "limits": LimitsTable,
}


def inner_table(key: str, value: Any) -> type[Table] | None:
    """The model of the table that is the value of `key`."""
    if isinstance(value, dict) and key == "loss":
        return loss_table(value)
    if isinstance(value, dict) and key == "drop":
        return drop_table(value)
    return _MODELS.get(key)
