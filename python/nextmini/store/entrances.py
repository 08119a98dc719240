"""Entrances of nodes as they stand in rows: JSON, to and from the types of a scenario."""

import json
import re
from functools import lru_cache
from typing import Annotated, Any

from pydantic import Field, PlainValidator, Strict, ValidationError

from nextmini.scenario.fields import refuse
from nextmini.scenario.findings import key_text
from nextmini.scenario.network import Socks
from nextmini.scenario.socks_table import (
    MOST_CONNECTIONS,
    MOST_ENTRANCES,
    USUAL_CONNECTIONS,
    USUAL_LISTEN,
    SocksListen,
    SocksMode,
)
from nextmini.scenario.table import Table
from nextmini.scenario.understanding import findings_in
from nextmini.scenario.users import MOST_USERS

Entrances = tuple[Socks, ...]
_CREDENTIAL = re.compile("[0-9a-f]{64}")


def _credential(value: Any) -> str:
    # What it is instead may be a password.
    if not isinstance(value, str) or _CREDENTIAL.fullmatch(value) is None:
        refuse("is not 64 hexadecimal digits", "write the HMAC-SHA256 of the password, with the name as key")
    return value


Credential = Annotated[str, PlainValidator(_credential)]


class _Entrance(Table):
    listen: SocksListen = USUAL_LISTEN
    mode: SocksMode = "max"
    exit: int | None = Field(default=None, ge=1, le=2**31 - 1)
    users: Annotated[tuple[Credential, ...], Strict(False)] = ()
    connections: int = Field(default=USUAL_CONNECTIONS, ge=1, le=MOST_CONNECTIONS)


# Most nodes of a network are alike.
@lru_cache(maxsize=4096)
def entrances(text: str) -> tuple[Entrances, str | None]:
    """The entrances that a JSON text stands for, or none and why they cannot be understood."""
    if text == "[]":
        return (), None
    said = json.loads(text)
    if not isinstance(said, list):
        return (), "socks: is not a list of entrances"
    if len(said) > MOST_ENTRANCES:
        return (), f"socks: {len(said):,} entrances are more than {MOST_ENTRANCES}"
    found: list[Socks] = []
    for place, one in enumerate(said):
        try:
            entrance = _Entrance.model_validate(one)
        except ValidationError as error:
            return (), _flaw(error, one, place)
        found.append(
            Socks(entrance.listen, entrance.mode, entrance.exit, entrance.users, entrance.connections)
        )
    users = sum(len(one.users) for one in found)
    if users > MOST_USERS:
        return (), f"socks: {users:,} users are more than {MOST_USERS:,}"
    return tuple(found), None


def _flaw(error: ValidationError, said: Any, place: int) -> str:
    first = findings_in(error, said, _Entrance)[0]
    remedy = f"; {first.remedy}" if first.remedy else ""
    return f"{key_text(('socks', place, *first.path))}: {first.message}{remedy}"


@lru_cache(maxsize=4096)
def entrances_text(entrances: Entrances) -> str:
    """Entrances as JSON."""
    return json.dumps(
        [
            {
                "listen": one.listen,
                "mode": one.mode,
                "exit": one.exit,
                "users": list(one.users),
                "connections": one.connections,
            }
            for one in entrances
        ]
    )
