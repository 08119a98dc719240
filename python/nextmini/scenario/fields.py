"""The types of the scenario's keys: what each accepts, and what it says when it refuses."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, Strict
from pydantic_core import PydanticCustomError

from nextmini.scenario.units import (
    PERCENTAGE,
    RATE,
    SIZE,
    TIME,
    Quantity,
    UnitError,
    parse_rate,
    parse_share,
    parse_size,
    parse_time,
)
from nextmini.scenario.wording import shown

MOST_NODES = 200_000
MOST_HOPS = 65_535
"""Of a path: frames count them in 16 bits."""
MOST_LINKS = 1_000_000

_EXPERIMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
ALGORITHM_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_APP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_CONGESTION = re.compile(r"[a-z][a-z0-9_]{0,14}")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252})(?::([0-9]{1,5}))?")
_LISTEN = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """How a key's value is written: the words of the reference and the JSON schema."""

    words: str
    schema: dict[str, Any]

    def __get_pydantic_json_schema__(self, core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)


def refuse(message: str, remedy: str) -> NoReturn:
    """Refuses a value: for use in validators."""
    raise PydanticCustomError("refused", "{message}", {"message": message, "remedy": remedy})


def quantity(quantity: Quantity) -> Written:
    """How a quantity of this kind is written."""
    pattern = r"^\s*[0-9]+(\.[0-9]+)?\s*(" + "|".join(quantity.units) + r")\s*$"
    schema = {"type": "string", "pattern": pattern, "examples": list(quantity.examples)}
    return Written(f"{quantity.noun}", schema)


def _rate(value: object) -> int:
    try:
        return parse_rate(value)
    except UnitError as error:
        refuse(error.message, error.remedy)


def _size(value: object) -> int:
    try:
        return parse_size(value)
    except UnitError as error:
        refuse(error.message, error.remedy)


def time(value: object) -> float:
    """A time in seconds, for validators."""
    try:
        return parse_time(value)
    except UnitError as error:
        refuse(error.message, error.remedy)


def share(value: object) -> float:
    """A part of a whole, for validators."""
    try:
        return parse_share(value)
    except UnitError as error:
        refuse(error.message, error.remedy)


def _correlation(value: object) -> float:
    correlation = share(value)
    if correlation == 1:
        refuse(f"{shown(value)} would make all packets alike", "write less than 100 %")
    return correlation


def _duty(value: object) -> float:
    duty = share(value)
    if not 0 < duty < 1:
        refuse(f"{shown(value)} is never or always", "write more than 0 % and less than 100 %")
    return duty


def _positive_time(value: object) -> float:
    seconds = time(value)
    if seconds == 0:
        refuse(f"{shown(value)} is nothing", "write more than 0 s")
    return seconds


def _interval(value: object) -> float:
    seconds = time(value)
    milliseconds = round(seconds * 1000, 6)
    if not 10 <= milliseconds <= 3_600_000 or milliseconds != int(milliseconds):
        refuse(f"{shown(value)} is not possible", "write whole milliseconds between 10 ms and 1 h")
    return seconds


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        refuse(f"expected {what} as text, got {shown(value)}", "put it in quotes")
    return value


def plain_text(value: object, what: str) -> str:
    """Text that can be given to a program, for validators."""
    text = _text(value, what)
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        refuse(f"{what} has characters that no program can be given", "leave them out")
    return text


def _experiment(value: object) -> str:
    name = _text(value, "a name")
    if _EXPERIMENT.fullmatch(name) is None:
        refuse(
            f"{shown(name)} cannot be the name of an experiment",
            "use up to 48 letters, digits, - and _, beginning with a letter or a digit",
        )
    if name.lower().startswith("pg_") or name.lower() in ("public", "information_schema"):
        refuse(f"{shown(name)} is a name that PostgreSQL keeps for itself", "choose another name")
    return name


def _name(value: object, what: str) -> str:
    name = _text(value, f"the name of a {what}")
    if _NAME.fullmatch(name) is None:
        refuse(
            f"{shown(name)} cannot be the name of a {what}",
            "use up to 63 letters, digits, -, _ and ., beginning with a letter or a digit",
        )
    return name


def _node(value: object) -> str:
    return _name(value, "node")


def node_name(value: object) -> str:
    """The name of a node, for validators."""
    return _node(value)


def site_name(value: object) -> str:
    """The name of a site, for validators."""
    return _name(value, "site")


def _flow(value: object) -> str:
    return _name(value, "flow")


def _demand(value: object) -> str:
    return _name(value, "demand")


def _app(value: object) -> str:
    name = _text(value, "the name of a program")
    if _APP.fullmatch(name) is None:
        refuse(
            f"{shown(name)} cannot be the name of a program",
            "use up to 80 letters, digits, -, _ and ., beginning with a letter or a digit",
        )
    return name


def _algorithm(value: object) -> str:
    name = _text(value, "the name of an algorithm")
    if ALGORITHM_NAME.fullmatch(name) is None:
        refuse(
            f"{shown(name)} cannot be the name of an algorithm",
            "use up to 80 letters, digits, -, _ and ., beginning with a letter, a digit or _",
        )
    return name


def numbered(prefix: str, count: int) -> tuple[str, ...]:
    """`prefix1`, `prefix2` and so on, `count` of them."""
    return tuple(f"{prefix}{number}" for number in range(1, count + 1))


def _nodes(value: object) -> tuple[str, ...]:
    if isinstance(value, bool) or not isinstance(value, int | list | tuple):
        refuse(f"expected nodes, got {shown(value)}", 'write a count, as in 4, or a list, as in ["a", "b"]')
    if isinstance(value, int):
        if not 1 <= value <= MOST_NODES:
            refuse(f"{value} nodes are not possible", f"write a count from 1 to {MOST_NODES}")
        return numbered("n", value)
    return _names(value)


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        refuse(f"expected a list of names, got {shown(value)}", 'write it as in ["a", "b"]')
    if not 1 <= len(value) <= MOST_NODES:
        refuse(f"{len(value)} names are not possible", f"give 1 to {MOST_NODES} names")
    names = tuple(_node(name) for name in value)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        refuse(f"the name {shown(twice[0])} stands there more than once", "give each node a name of its own")
    return names


def _ends(value: object) -> object:
    if not isinstance(value, list | tuple) or len(value) != 2:
        refuse(f"expected two nodes, got {shown(value)}", 'write them as in ["a", "b"]')
    return value


def _path(value: object) -> object:
    if not isinstance(value, list | tuple):
        refuse(f"expected a list of nodes, got {shown(value)}", 'write it as in ["a", "b", "d"]')
    if not 2 <= len(value) <= MOST_NODES:
        refuse(f"a path of {len(value)} nodes is not possible", f"list 2 to {MOST_NODES} nodes")
    return value


def _congestion(value: object) -> str:
    name = _text(value, "the name of a congestion control")
    if _CONGESTION.fullmatch(name) is None:
        refuse(f"{shown(name)} cannot be a congestion control", 'name one that the kernel has, as in "cubic"')
    return name


def _prefix(value: object) -> str:
    text = _text(value, "a prefix")
    try:
        return str(ipaddress.IPv4Network(text))
    except ValueError as error:
        refuse(f"{shown(text)} is not an IPv4 prefix ({error})", 'write it as in "10.0.0.0/8"')


def _prefix6(value: object) -> str:
    text = _text(value, "a prefix")
    try:
        return str(ipaddress.IPv6Network(text))
    except ValueError as error:
        refuse(f"{shown(text)} is not an IPv6 prefix ({error})", 'write it as in "fd00:6e6d::/64"')


def _address(value: object) -> str:
    text = _text(value, "an address")
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        refuse(f"{shown(text)} is not an IPv4 address", 'write it as in "10.0.0.7"')


def _listen(value: object) -> str:
    text = _text(value, "an address with a port")
    match = _LISTEN.fullmatch(text)
    if match is None or int(match["port"]) > 65_535:
        refuse(
            f"{shown(text)} is not an address with a port",
            'write it as in "127.0.0.1:7700" (port 0: any free port)',
        )
    host = match["host"].strip("[]")
    try:
        is_loopback(text)
    except ValueError:
        refuse(f"{shown(host)} is not an IP address", 'write it as in "127.0.0.1:7700"')
    return text


def _reached_at(value: object) -> str:
    text = _text(value, "a host")
    match = _HOST.fullmatch(text)
    if match is None or not 1 <= int(match[2] or 1) <= 65_535:
        refuse(
            f"{shown(text)} is not a host, or a host with a port",
            'write it as in "lab.example", "192.0.2.1:7700" or "[2001:db8::1]"',
        )
    return text


def is_loopback(listen: str) -> bool:
    """Whether it is an address of this machine alone. Raises ValueError if it is none."""
    host = listen.rpartition(":")[0].strip("[]")
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def _string(pattern: str, example: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{pattern}$", "examples": [example]}


_NODE_SCHEMA = _string(_NAME.pattern, "n1")
_LIST: dict[str, Any] = {"type": "array", "items": _NODE_SCHEMA}
_TWO = {"minItems": 2, "maxItems": 2}
_NAMES_SCHEMA = {"type": "array", "items": _NODE_SCHEMA, "minItems": 1, "uniqueItems": True}
_COUNT_SCHEMA = {"type": "integer", "minimum": 1, "maximum": MOST_NODES}

Rate = Annotated[int, BeforeValidator(_rate), quantity(RATE)]
Size = Annotated[int, BeforeValidator(_size), quantity(SIZE)]
Time = Annotated[float, BeforeValidator(time), quantity(TIME)]
PositiveTime = Annotated[float, BeforeValidator(_positive_time), quantity(TIME)]
Share = Annotated[float, BeforeValidator(share), quantity(PERCENTAGE)]
Correlation = Annotated[float, BeforeValidator(_correlation), quantity(PERCENTAGE)]
Duty = Annotated[float, BeforeValidator(_duty), quantity(PERCENTAGE)]
Interval = Annotated[float, BeforeValidator(_interval), quantity(TIME)]
ExperimentName = Annotated[
    str, BeforeValidator(_experiment), Written("name", _string(_EXPERIMENT.pattern, "two-paths"))
]
NodeName = Annotated[str, BeforeValidator(_node), Written("node", _NODE_SCHEMA)]
AppName = Annotated[str, BeforeValidator(_app), Written("name", _string(_APP.pattern, "server"))]
AlgorithmName = Annotated[
    str, BeforeValidator(_algorithm), Written("name", _string(ALGORITHM_NAME.pattern, "balancer"))
]
FlowName = Annotated[str, BeforeValidator(_flow), Written("name", _NODE_SCHEMA)]
DemandName = Annotated[str, BeforeValidator(_demand), Written("name", _string(_NAME.pattern, "web"))]
Nodes = Annotated[
    tuple[str, ...],
    BeforeValidator(_nodes),
    Written("count, or list of names", {"anyOf": [_COUNT_SCHEMA, _NAMES_SCHEMA]}),
]
Names = Annotated[tuple[str, ...], BeforeValidator(_names), Written("list of names", _NAMES_SCHEMA)]
Ends = Annotated[
    tuple[NodeName, NodeName], Strict(False), BeforeValidator(_ends), Written("two nodes", _LIST | _TWO)
]
Path = Annotated[
    tuple[NodeName, ...],
    Strict(False),
    BeforeValidator(_path),
    Written("list of nodes", _LIST | {"minItems": 2}),
]
Congestion = Annotated[
    str, BeforeValidator(_congestion), Written("name", _string(_CONGESTION.pattern, "cubic"))
]
Prefix = Annotated[str, BeforeValidator(_prefix), Written("IPv4 prefix", {"type": "string"})]
Prefix6 = Annotated[str, BeforeValidator(_prefix6), Written("IPv6 prefix", {"type": "string"})]
Address = Annotated[
    str, BeforeValidator(_address), Written("IPv4 address", {"type": "string", "format": "ipv4"})
]
Listen = Annotated[
    str, BeforeValidator(_listen), Written("address:port", {"type": "string", "examples": ["127.0.0.1:0"]})
]
Host = Annotated[
    str, BeforeValidator(_reached_at), Written("host, or host:port", _string(_HOST.pattern, "lab.example"))
]
Weight = Annotated[int, Field(ge=1, le=65_535)]
