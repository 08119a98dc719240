"""What one look at the machine has found, and what looks have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nextmini.errors import NextminiError
from nextmini.store.command import run

if TYPE_CHECKING:
    from collections.abc import Sequence

Status = Literal["ok", "note", "warning", "missing"]

PROC = Path("/proc")
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """What one check has found.

    "missing" keeps Nextmini from working, a "warning" narrows what it can do, a "note" is for who needs just
    that.
    """

    name: str
    status: Status
    found: str
    remedy: str | None = None


def attempt(command: Sequence[str]) -> tuple[bool, str]:
    """Whether a command succeeds, and all that it says, or why it cannot be executed."""
    try:
        outcome = run(command, Path("/"), seconds=_SECONDS)
    except NextminiError as error:
        return False, str(error)
    return outcome.returncode == 0, outcome.output or f"exit code {outcome.returncode}"


def last_line(said: str) -> str:
    """The last line of what a command says."""
    lines = said.splitlines()
    return lines[-1] if lines else ""


def setting(name: str, proc: Path = PROC) -> int | None:
    """The number of a sysctl such as fs.file-max; None if this kernel has none, or does not show it."""
    try:
        return int((proc / "sys" / name.replace(".", "/")).read_text())
    except (OSError, ValueError):
        return None
