"""`[max]`: flows and connections in max mode, of the network and of one node."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator

from nextmini.scenario.fields import Written, quantity, refuse
from nextmini.scenario.table import Table
from nextmini.scenario.units import SIZE, UnitError, format_size, parse_size
from nextmini.scenario.wording import shown

REDIRECTED_PORT = 61_080
"""Where redirected connections arrive, in the namespace of a transparent node."""
USUAL_PIPE = 512 * 1024
"""Bytes."""
_PIPES = (64 * 1024, 64 * 1024 * 1024)
_EXAMPLE = "write them as in [80, 443]"


def _ports(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        refuse(f"expected a list of ports, got {shown(value)}", _EXAMPLE)
    if not value:
        refuse("there is no port in []", "leave the key out for all ports, or write some, as in [80, 443]")
    for port in value:
        if type(port) is not int or not 1 <= port <= 65_535:
            refuse(f"{shown(port)} is not a port", "write whole numbers from 1 to 65535, as in [80, 443]")
    return tuple(sorted(set(value)))


def _pipe(value: Any) -> int:
    try:
        size = parse_size(value)
    except UnitError as error:
        refuse(error.message, error.remedy)
    least, most = _PIPES
    if not least <= size <= most:
        refuse(f"{shown(value)} is not possible", f"write {format_size(least)} to {format_size(most)}")
    return size


Pipe = Annotated[int, BeforeValidator(_pipe), quantity(SIZE)]
Ports = Annotated[
    tuple[int, ...],
    PlainValidator(_ports),
    Written(
        "list of ports",
        {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 65_535}, "minItems": 1},
    ),
]


class NodeMax(Table):
    """Max mode of one node. What is left out is as under `[max]`."""

    transparent: bool | None = Field(
        default=None,
        description="Whether TCP connections of programs in this node go through the network in max mode.",
        examples=[True],
    )
    ports: Ports | None = Field(
        default=None, description="The ports of which that is so.", examples=[[80, 443]]
    )


class MaxTable(Table):
    """Max mode: flows and connections whose bytes the kernel passes on."""

    transparent: bool = Field(
        default=False,
        description="Whether TCP connections of programs in nodes go through the network in max mode, which "
        'the programs do not notice. Takes `isolation = "namespace"` or `"process"` under `[network]`, and '
        "nftables on the machine. Links on the way have a rate at most.",
    )
    ports: Ports | None = Field(
        default=None,
        description="The ports that connections go to for that to be so. Without it: all of them.",
        examples=[[80, 443]],
    )
    pipe: Pipe = Field(
        default=USUAL_PIPE,
        description="What a connection may have under way inside a process, in each direction: from 64 KiB "
        "to 64 MiB.",
        examples=["512 KiB"],
    )
