"""What an experiment that is held says of itself: `<state>/experiments/<name>.json`, beside its lock.

It is for commands that act on a running experiment. It counts as long as the lock is held, and only then; it
has mode 0600, since the URL of a database may hold a password.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Literal, cast, get_args

if TYPE_CHECKING:
    from pathlib import Path

How = Literal["run", "up", "controller"]


@dataclass(frozen=True, slots=True)
class RegisteredSite:
    """A site with so many processes from the `first` on, and the command with which one joins."""

    name: str
    first: int
    processes: int
    join: str

    @property
    def process_range(self) -> range:
        """The numbers of its processes."""
        return range(self.first, self.first + self.processes)


@dataclass(frozen=True, slots=True)
class Registration:
    """One experiment.

    `how` it was started; `folder` is its run folder, absolute, None if it has none; `database_url` is None
    for the embedded server of the state folder, else a secret; `started` is ISO 8601; `ready`: whether the
    network is in force; `metrics` is the URL of its controller's, once there is one; `sites` are where others
    start its processes.
    """

    name: str
    run: str
    how: How
    pid: int
    folder: str | None
    database_url: str | None
    started: str
    ready: bool = False
    metrics: str | None = None
    sites: tuple[RegisteredSite, ...] = ()


def write(path: Path, registration: Registration) -> None:
    """Writes the file as a whole or not at all. Raises OSError if that is not possible."""
    partial = _partial(path)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(registration), file)
    os.replace(partial, path)


def remove(path: Path) -> None:
    """Removes the file, if it is there, and one that was not written to its end."""
    for one in (path, _partial(path)):
        one.unlink(missing_ok=True)


def read(path: Path) -> Registration | None:
    """What the file says; None if there is none, or it is not one of this version's."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.keys() != {field.name for field in fields(Registration)}:
        return None
    texts = [found[key] for key in ("name", "run", "started")]
    texts += [found[key] for key in ("folder", "database_url", "metrics") if found[key] is not None]
    if not (all(isinstance(text, str) for text in texts) and isinstance(found["ready"], bool)):
        return None
    if not isinstance(found["pid"], int) or found["how"] not in get_args(How):
        return None
    sites = _sites(found.pop("sites"))
    if sites is None:
        return None
    return Registration(**cast("dict[str, How]", found), sites=sites)  # type: ignore[arg-type]


def _sites(found: object) -> tuple[RegisteredSite, ...] | None:
    kinds = {"name": str, "first": int, "processes": int, "join": str}
    if not isinstance(found, list):
        return None
    for one in found:
        if not isinstance(one, dict) or one.keys() != kinds.keys():
            return None
        if not all(isinstance(one[key], kind) for key, kind in kinds.items()):
            return None
    return tuple(RegisteredSite(**one) for one in found)


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
