"""Demands: traffic matrices that a scenario asks for, and how they are sent."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from nextmini.scenario.fields import (
    DemandName,
    Names,
    PositiveTime,
    Rate,
    Share,
    Time,
    Written,
    node_name,
    refuse,
)
from nextmini.scenario.flow_sizes import SomeSizes
from nextmini.scenario.matrix import AMatrix
from nextmini.scenario.table import Table
from nextmini.scenario.wording import shown

MOST_FLOWS = 1_000_000
"""Of all demands and `[[flows]]` of a scenario."""
_LARGEST_MASS = 1e9


def _masses(value: Any) -> dict[str, float] | str:
    if value in ("population", "degree"):
        return str(value)
    if not isinstance(value, dict) or not value:
        remedy = 'write them as in { n1 = 3, n2 = 0.5 }, or "population", or "degree"'
        refuse(f"expected masses of nodes, got {shown(value)}", remedy)
    for name, mass in value.items():
        node_name(name)
        if isinstance(mass, bool) or not isinstance(mass, int | float) or not 0 <= mass <= _LARGEST_MASS:
            refuse(f"{shown(mass)} cannot be the mass of {shown(name)}", "write a number from 0 to 1e9")
    return {name: float(mass) for name, mass in value.items()}


_MASSES_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
        {"enum": ["population", "degree"]},
    ]
}
Masses = Annotated[
    dict[str, float] | Literal["population", "degree"],
    PlainValidator(_masses),
    Written('table of numbers, `"population"` or `"degree"`', _MASSES_SCHEMA),
]


class DemandEntry(Table):
    """Traffic between many pairs of nodes: a matrix of rates, from a file or a model, and how it is sent.

    It becomes ordinary flows, named after the demand: constant ones, one for each pair, or with `sizes` flows
    that come and go. Results tell completion times of each demand's flows.
    """

    name: DemandName | None = Field(
        default=None,
        description='Name of the demand, "demand1" for the first entry if it has none. Its flows are called '
        "name-source-destination-1 and so on, in the order in which they start.",
        examples=["web"],
    )
    matrix: AMatrix = Field(
        default=None,
        description="A file with the rate of each pair, from the folder of the scenario on. In CSV, a square "
        "whose first line is `,n1,n2,...`, or a list whose first line is `source,destination,rate`: rates "
        "have units or are numbers of bit/s. Or a file of SNDlib with demands, in Mbit/s unless it says "
        "otherwise. Nodes may have their ids or labels in the file of the topology.",
        examples=["matrix.csv"],
    )
    model: Literal["gravity", "uniform", "listed"] | None = Field(
        default=None,
        description="Instead of `matrix`. `gravity`: the rate from i to j is in proportion to the product of "
        "their masses. `uniform`: all pairs have the same rate. `listed`: no traffic of its own, but a "
        "report on those of `[[flows]]` that name it.",
        examples=["gravity"],
    )
    total: Rate | None = Field(
        default=None,
        description="Of a model, the rates of all pairs together, in bits of payload.",
        examples=["2 Gbit/s"],
    )
    masses: Masses | None = Field(
        default=None,
        description="Of the model `gravity`, how much nodes send and receive as compared with others. "
        "A node that is not in a table has 1. `population`: as the file of the topology says. `degree`: the "
        "number of a node's links.",
        examples=[{"n1": 3}],
    )
    load: Share | None = Field(
        default=None,
        description="Instead of `total`: what each node sends, as a share of `capacity`.",
        examples=["30 %"],
    )
    capacity: Rate | None = Field(
        default=None,
        description="What `load` is a share of, such as the rate of the nodes' links.",
        examples=["100 Mbit/s"],
    )
    nodes: Names | None = Field(
        default=None,
        description="The nodes between which it goes. Without it: those in the matrix; of a model the hosts "
        "in fat_tree, leaf_spine and dumbbell, else all nodes.",
        examples=[["n1", "n2"]],
    )
    scale: float = Field(
        default=1.0, gt=0, le=1e9, description="By how much all rates are multiplied.", examples=[0.5]
    )
    kind: Literal["lossless", "tcp", "udp"] = Field(
        default="lossless", description="The kind of its flows, as in `[[flows]]`."
    )
    congestion: Literal["cubic", "reno", "none"] = Field(
        default="cubic", description="What `tcp` flows do about losses, as in `[[flows]]`."
    )
    sizes: SomeSizes = Field(
        default=None,
        description="How large flows are that arrive as a Poisson process, so that the mean load of each "
        "pair is its rate. `web-search` and `data-mining` are distributions measured in data centres (as in "
        "pFabric); a file has lines `bytes,probability` of a cumulative distribution that ends in 1. "
        "Without it: one flow for each pair, at the pair's rate.",
        examples=["web-search"],
    )
    rate: Rate | None = Field(
        default=None,
        description="With `sizes`, the most that each flow sends. `udp` flows must have one.",
        examples=["10 Mbit/s"],
    )
    start: Time = Field(
        default=0.0,
        description="When it begins, counted from the moment the network is ready.",
        examples=["1 s"],
    )
    duration: PositiveTime | None = Field(
        default=None,
        description="How long constant flows send; with `sizes`, how long flows arrive. Without it: until "
        "`experiment.duration` is over.",
        examples=["5 s"],
    )
    most: int = Field(
        default=100_000,
        ge=1,
        le=MOST_FLOWS,
        description="The most flows that it may make. A scenario with more is refused.",
    )
