"""When a program counts as ready: a socket listens inside its node, or it has written a certain text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import PlainValidator

from nextmini.scenario.fields import Written, plain_text, refuse
from nextmini.scenario.wording import shown

_SOCKET = re.compile(r"(tcp|udp):([0-9]{1,5})")
_OUTPUT = "output:"
_EXAMPLE = 'write it as in "tcp:5201", "udp:53" or "output:Server listening"'


@dataclass(frozen=True, slots=True)
class Readiness:
    """A `port` is that of a tcp or udp socket, a `text` what a line of the output contains."""

    kind: Literal["tcp", "udp", "output"]
    port: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.text if self.kind == 'output' else self.port}"


def _readiness(value: Any) -> Readiness:
    if isinstance(value, Readiness):
        return value
    text = plain_text(value, "what makes it ready")
    if text.startswith(_OUTPUT) and "\n" not in text and len(text) > len(_OUTPUT):
        return Readiness("output", text=text.removeprefix(_OUTPUT))
    match = _SOCKET.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 65_535:
        refuse(f"{shown(text)} cannot be waited for", _EXAMPLE)
    return Readiness("udp" if match[1] == "udp" else "tcp", port=int(match[2]))


AReadiness = Annotated[
    Readiness,
    PlainValidator(_readiness),
    Written(
        '`"tcp:PORT"`, `"udp:PORT"` or `"output:TEXT"`',
        {"type": "string", "pattern": f"^({_SOCKET.pattern}|{_OUTPUT}.+)$", "examples": ["tcp:5201"]},
    ),
]
