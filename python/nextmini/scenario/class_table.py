"""`[[classes]]`: packets that are treated alike."""

from typing import Annotated, Any

from pydantic import Field, PlainValidator

from nextmini.scenario.fields import NodeName, Rate, Weight, Written, refuse
from nextmini.scenario.table import Table
from nextmini.scenario.wording import nearest, shown

PROTOCOLS = {"lossless": 253, "udp": 17, "tcp": 6, "icmp": 1, "sctp": 132}
"""Names of IP protocol numbers; lossless flows have one of those for experiments (RFC 3692)."""
MOST_CLASSES = 5_000
"""One control message tells them all."""


def _protocol(value: Any) -> int:
    if isinstance(value, str) and value in PROTOCOLS:
        return PROTOCOLS[value]
    if type(value) is int and 0 <= value <= 255:
        return value
    meant = nearest(value, PROTOCOLS) if isinstance(value, str) else None
    hint = "" if meant is None else f"did you mean {shown(meant)}? "
    names = ", ".join(shown(name) for name in PROTOCOLS)
    refuse(f"{shown(value)} is not a protocol", f"{hint}write {names} or a number from 0 to 255")


Protocol = Annotated[
    int,
    PlainValidator(_protocol),
    Written(
        ", ".join(f'`"{name}"`' for name in PROTOCOLS) + " or a number from 0 to 255",
        {"anyOf": [{"enum": list(PROTOCOLS)}, {"type": "integer", "minimum": 0, "maximum": 255}]},
    ),
]


class Match(Table):
    """Which packets a class has; a key that is left out matches all of them."""

    source: NodeName | None = Field(default=None, description="The node that sends.", examples=["a"])
    destination: NodeName | None = Field(default=None, description="The node that receives.", examples=["d"])
    protocol: Protocol | None = Field(
        default=None, description="The IP protocol, by name or number.", examples=["udp"]
    )
    port: int | None = Field(
        default=None, ge=0, le=65_535, description="The port at either end; flows have none.", examples=[53]
    )


class ClassEntry(Table):
    """A class of packets, on all links. A packet belongs to the first class that it matches."""

    match: Match = Field(
        description="A table with `source`, `destination`, `protocol` and `port`, or some of them.",
        examples=[{"protocol": "udp"}],
    )
    rate: Rate | None = Field(
        default=None,
        description="The most that it sends over each direction of a link.",
        examples=["10 Mbit/s"],
    )
    weight: Weight | None = Field(
        default=None,
        description="Its share, as a whole, on links whose `discipline` is `wrr` or `drr`. A class has a "
        "rate, a weight, or both.",
        examples=[4],
    )
