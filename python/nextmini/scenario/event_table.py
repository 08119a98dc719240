"""`[[events]]`: changes at given times."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from nextmini.scenario.direction import DirectionKeys
from nextmini.scenario.fields import Duty, Ends, NodeName, PositiveTime, Time, Written, refuse
from nextmini.scenario.table import Table
from nextmini.scenario.units import format_time
from nextmini.scenario.wording import shown

SHORTEST_FLAP = 0.02


class Flap(Table):
    """Down and up again, over and over."""

    period: PositiveTime = Field(
        description="From one time that it goes down to the next: at least 20 ms.", examples=["1 s"]
    )
    duty: Duty = Field(default=0.5, description="Share of each period in which it is up.")


def _flap(value: Any) -> Flap:
    if isinstance(value, Flap):
        return value
    if not isinstance(value, dict):
        refuse(f"expected a table, got {shown(value)}", 'write flap = { period = "1 s", duty = "50 %" }')
    flap = Flap.model_validate(value)
    if flap.period < SHORTEST_FLAP:
        refuse(
            f"{format_time(flap.period)} is too short a period",
            f"write at least {format_time(SHORTEST_FLAP)}",
        )
    return flap


def _groups(value: Any) -> tuple[tuple[str, ...], ...]:
    example = 'write groups of nodes, as in [["a"], ["b", "c"]]'
    if not isinstance(value, list | tuple) or len(value) < 2:
        refuse(f"expected at least two groups, got {shown(value)}", example)
    for group in value:
        if not isinstance(group, list | tuple) or not group:
            refuse(f"expected the names of nodes, got {shown(group)}", example)
        for name in group:
            if not isinstance(name, str):
                refuse(f"expected the name of a node as text, got {shown(name)}", example)
    return tuple(tuple(group) for group in value)


AFlap = Annotated[Flap, PlainValidator(_flap), Written("table", {"type": "object"})]
Groups = Annotated[
    tuple[tuple[str, ...], ...],
    PlainValidator(_groups),
    Written(
        "list of lists of nodes",
        {"type": "array", "items": {"type": "array", "items": {"type": "string"}}, "minItems": 2},
    ),
]


class EventEntry(Table):
    """A change at a given time, to a link, a node or the network between groups of nodes.

    Of a link: exactly one of `set`, `down`, `up` and `flap`. Of a node: `crash` or `restart`.
    """

    at: Time = Field(
        description="When it happens, counted from the moment the network is ready.", examples=["3 s"]
    )
    link: Ends | None = Field(
        default=None, description="The two nodes of the link that it is about.", examples=[["a", "b"]]
    )
    node: NodeName | None = Field(default=None, description="The node that it is about.", examples=["a"])
    partition: Groups | None = Field(
        default=None,
        description="Groups of nodes: every link from one to another goes down.",
        examples=[[["a"], ["b", "c"]]],
    )
    set: DirectionKeys | None = Field(
        default=None,
        description="A table of keys of `[[links]]`. Those that are left out stay as they are.",
        examples=[{"delay": "50 ms"}],
    )
    direction: Literal["both", "forward", "backward"] = Field(
        default="both",
        description="Which direction of the link `set` changes. `forward` is from the first of the two.",
    )
    down: Literal[True] | None = Field(default=None, description="The link goes down.", examples=[True])
    up: Literal[True] | None = Field(default=None, description="The link comes up again.", examples=[True])
    flap: AFlap | None = Field(
        default=None,
        description="The link goes down and up again in each `period`, beginning with down; it is up for the "
        "share `duty`, 50 % without it.",
        examples=[{"period": "1 s", "duty": "50 %"}],
    )
    crash: Literal[True] | None = Field(
        default=None, description="The node loses all that it has, and its links go down.", examples=[True]
    )
    restart: Literal[True] | None = Field(
        default=None, description="A node that has crashed is there again.", examples=[True]
    )
    heal: Literal[True] | None = Field(
        default=None,
        description="The links between the groups of `partition` come up again.",
        examples=[True],
    )
    duration: PositiveTime | None = Field(
        default=None,
        description="After so long it is undone. Without it, it stays.",
        examples=["2 s"],
    )
    require_effect: bool = Field(
        default=False, description="Whether the run fails if the event touches no packet."
    )
