"""`[[sites]]`: places, far from each other or not, whose machines form one network."""

import ipaddress
import re
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field, PlainValidator, Strict

from nextmini.scenario.fields import MOST_NODES, PositiveTime, Written, refuse, site_name
from nextmini.scenario.table import Table
from nextmini.scenario.wording import shown

USUAL_PATIENCE = 120.0
MOST_SITES = 1024

_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_RANGE = re.compile(r"(.*?)(\d+)\.\.(.*?)(\d+)")
_HOW_PORTS = 'write them as in "7000-7010", from 1 to 65535'


class Ports(NamedTuple):
    """Port numbers from the first to the last one, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @property
    def number(self) -> int:
        """How many there are."""
        return self.last - self.first + 1


def ports_of(value: object) -> Ports:
    """A range of ports, for validators."""
    match = _PORTS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        refuse(f"{shown(value)} is not a range of ports", _HOW_PORTS)
    ports = Ports(int(match[1]), int(match[2] or match[1]))
    if not 1 <= ports.first <= ports.last <= 65_535:
        refuse(f"{shown(value)} is not a range of ports", _HOW_PORTS)
    return ports


def site_address(value: object) -> str:
    """An address of a machine, of IPv4 or IPv6, for validators."""
    try:
        address = ipaddress.ip_address(value) if isinstance(value, str) else None
    except ValueError:
        address = None
    if address is None:
        refuse(f"{shown(value)} is not an IP address", 'write it as in "192.0.2.7" or "2001:db8::7"')
    if address.is_unspecified or address.is_multicast:
        refuse(f"{shown(value)} is no address that anybody reaches", "write one of the machine's own")
    return str(address)


def _members(value: object) -> object:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        refuse(f"expected a list of nodes, got {shown(value)}", 'write it as in ["a", "n1..n50"]')
    if not 1 <= len(value) <= MOST_NODES:
        refuse(f"{len(value)} entries are not possible", f"give 1 to {MOST_NODES}")
    return value


def members(entry: str) -> list[str] | None:
    """The names that "n1..n50" stands for; None if it stands for itself."""
    match = _RANGE.fullmatch(entry)
    if match is None or match[1] != match[3]:
        return None
    first, last = int(match[2]), int(match[4])
    if not first <= last <= first + MOST_NODES:
        return None
    return [f"{match[1]}{number}" for number in range(first, last + 1)]


_TEXT: dict[str, Any] = {"type": "string"}
SiteAddress = Annotated[str, BeforeValidator(site_address), Written("IP address", _TEXT)]
PortRange = Annotated[
    Ports,
    PlainValidator(ports_of),
    Written("ports", {"type": "string", "pattern": f"^{_PORTS.pattern}$", "examples": ["7000-7010"]}),
]
Members = Annotated[
    tuple[str, ...],
    Strict(False),
    BeforeValidator(_members),
    Written("list of nodes", {"type": "array", "items": _TEXT, "minItems": 1}),
]
SiteName = Annotated[str, BeforeValidator(site_name), Written("name", _TEXT)]


class SiteEntry(Table):
    """A place, with one or more dataplane processes, which somebody starts there.

    With sites, every node is in one, and they have all processes of the experiment. Links between sites are
    encrypted, and at least one of the two sites has an address that the other one reaches.
    """

    name: SiteName = Field(description="Name of the site.", examples=["lab"])
    nodes: Members = Field(
        default=(),
        description='Nodes that are here, by name; "n1..n50" stands for 50 of them. Others say `site` in '
        "their own entry.",
        examples=[["a", "n1..n50"]],
    )
    processes: int = Field(
        default=1,
        ge=1,
        le=1024,
        description="Dataplane processes here. Its nodes are spread over them in equal blocks, in their "
        "order.",
    )
    public: SiteAddress | None = Field(
        default=None,
        description="The address at which other sites reach it. Without it nobody does, and it connects to "
        "them.",
        examples=["192.0.2.7"],
    )
    private: SiteAddress | None = Field(
        default=None,
        description="The address at which its processes reach each other. Without it they are on one "
        "machine.",
        examples=["10.0.0.7"],
    )
    ports: PortRange | None = Field(
        default=None,
        description="Where links arrive, over TCP and UDP alike: each process takes the first one that is "
        "free. Without it: any free port.",
        examples=["7000-7010"],
    )
    nat: bool | None = Field(
        default=None,
        description="Whether nobody from outside reaches it, as behind a router that translates addresses. "
        "Without it: whether it has no `public` address.",
        examples=[True],
    )
    patience: PositiveTime = Field(
        default=USUAL_PATIENCE,
        description="How long the controller waits for its processes, from its start. Then it says who is "
        "missing, and flows that need it fail.",
        examples=["2 min"],
    )
