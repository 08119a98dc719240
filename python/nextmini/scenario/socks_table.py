"""`[[socks]]`: entrances for programs outside of the network."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from nextmini.scenario.fields import NodeName, Written, refuse
from nextmini.scenario.table import Table
from nextmini.scenario.users import AUsers
from nextmini.scenario.wording import shown

MOST_ENTRANCES = 100
"""Of one node: a process is told of all of them in one message."""
MOST_CONNECTIONS = 100_000
USUAL_CONNECTIONS = 4096
USUAL_LISTEN = "127.0.0.1:1080"
SocksMode = Literal["max", "normal"]

_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9.]+):([0-9]{1,5})")
_EXAMPLE = 'write it as in "127.0.0.1:1080", "[::1]:1080" or 1080 (a port of 127.0.0.1), from port 1 to 65535'


def _listen(value: Any) -> str:
    text = f"127.0.0.1:{value}" if type(value) is int else value
    match = _LISTEN.fullmatch(text) if isinstance(text, str) else None
    if match is None or not 1 <= int(match[2]) <= 65_535:
        refuse(f"{shown(value)} is not an address with a port", _EXAMPLE)
    bracketed = match[1].startswith("[")
    try:
        address = (IPv6Address if bracketed else IPv4Address)(match[1].strip("[]"))
    except ValueError:
        refuse(f"{shown(value)} is not an address with a port", _EXAMPLE)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        refuse(f"{shown(value)} is an IPv4 address written as IPv6", f"write {address.ipv4_mapped}")
    return f"{f'[{address}]' if bracketed else address}:{int(match[2])}"


def listen_parts(listen: str) -> tuple[IPv4Address | IPv6Address, int]:
    """The address and the port of a valid `listen`."""
    host, _, port = listen.rpartition(":")
    return ip_address(host.strip("[]")), int(port)


SocksListen = Annotated[
    str,
    PlainValidator(_listen),
    Written(
        "address:port, or port",
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_LISTEN.pattern}$"},
                {"type": "integer", "minimum": 1, "maximum": 65_535},
            ],
            "examples": [USUAL_LISTEN],
        },
    ),
]


class SocksEntry(Table):
    """A SOCKS 5 server (RFC 1928) at a node: whoever connects to it connects through the network.

    Connections to the address or the name of a node go to that node, others leave the network at `exit`.
    """

    node: NodeName = Field(description="The node at which connections enter.", examples=["a"])
    listen: SocksListen = Field(
        default=USUAL_LISTEN,
        description="Where it listens: in the node's network namespace, or on the machine where nodes have "
        "none, and then at a loopback address. A number is a port of 127.0.0.1.",
        examples=[USUAL_LISTEN],
    )
    mode: SocksMode = Field(
        default="max",
        description="How connections cross the network. `max`: the kernel passes their bytes on, over links "
        "that have a rate at most; others are answered with reply 2. `normal`: every node handles each "
        "piece, as those of lossless flows.",
    )
    exit: NodeName | None = Field(
        default=None,
        description="The node from whose machine connections to addresses outside of the network go on. "
        "Without it, these are refused.",
        examples=["d"],
    )
    users: AUsers = Field(
        default=None,
        description="A file with who may use it, beside the scenario: a line `name:password` for each (RFC "
        "1929). Empty lines and those that begin with # count for nothing. Without it, anyone may.",
        examples=["users.txt"],
    )
    connections: int = Field(
        default=USUAL_CONNECTIONS,
        ge=1,
        le=MOST_CONNECTIONS,
        description="The most that it has at the same time.",
    )
