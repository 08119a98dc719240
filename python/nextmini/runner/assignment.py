"""What an algorithm's process is told when it starts, and what it says: one line of JSON each.

The assignment comes in through standard input, which then stays open: when it ends, so does the process. Out
go, on standard output, objects with one of the keys

- `started`: true: what `on_start` decided is committed
- `decisions`: how many decisions have been committed since the last time, with `ms`: how long the newest took
- `failed`: why the algorithm cannot go on
- `ended`: why there is nothing to do any more

Standard error is its log; whatever an algorithm prints goes there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Assignment:
    """`dsn` and `experiment` say where the rows are, `use` which algorithm it is, `name` what it is called.

    `parameters` are as a scenario writes them; `timeout` is how long a hook may take, in seconds.
    """

    dsn: str
    experiment: str
    name: str
    use: str
    parameters: dict[str, Any]
    timeout: float

    def line(self) -> bytes:
        """As it is sent; the address may hold a password, so it is no argument of a command."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Assignment:
        """Raises ValueError, TypeError if it is none."""
        return cls(**json.loads(line))
