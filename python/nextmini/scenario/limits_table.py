"""`limits`: what a node may take of a machine, where it has a container."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from nextmini.scenario.fields import quantity, refuse
from nextmini.scenario.table import Table
from nextmini.scenario.units import SIZE, UnitError, format_size, parse_size
from nextmini.scenario.wording import shown

LEAST_MEMORY = 64 * 1024 * 1024
"""Bytes. A dataplane process does not start in less."""


def _memory(value: Any) -> int:
    try:
        size = parse_size(value)
    except UnitError as error:
        refuse(error.message, error.remedy)
    if size < LEAST_MEMORY:
        refuse(
            f"a dataplane process does not fit into {shown(value)}",
            f"write at least {format_size(LEAST_MEMORY)}",
        )
    return size


Memory = Annotated[int, BeforeValidator(_memory), quantity(SIZE)]


class LimitsTable(Table):
    """What a node may take of the machine that its container is on. What is left out is as under
    `[network]`, and has no limit if it is not there either."""

    cpu: float | None = Field(
        default=None,
        ge=0.01,
        le=1024,
        description="Processor time in each second, in seconds: 0.5 is half a core.",
        examples=[0.5],
    )
    memory: Memory | None = Field(
        default=None,
        description="The most memory, at least 64 MiB. Whoever asks for more is killed by the kernel.",
        examples=["256 MiB"],
    )
