"""How a program inside an enclosure talks with who started it: for any Python, by its library alone."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def say(answer: dict[str, Any]) -> None:
    """A line to who started this."""
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


def converse(commands: dict[str, Callable[..., dict[str, Any]]]) -> None:
    """Says that it is ready, then obeys lines of a command and its arguments until there are no more."""
    say({})
    for line in sys.stdin:
        command, *arguments = line.split()
        say(commands[command](*arguments))
