"""What a controller notes of its run beside its secrets, and whether another one may go on with that run.

The note is there while a controller by itself has a run, and after it was killed. Whoever stops in order
removes it, with the secrets; so does `nextmini cleanup`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from nextmini.controller.devices import Home
from nextmini.errors import DatabaseError, NextminiError
from nextmini.experiment.event_journal import kept_events
from nextmini.experiment.interrupt import Interrupted

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from nextmini.scenario import Network
    from nextmini.store import Store

log = logging.getLogger(__name__)

_NOTE = "controller.json"
_NUMBERS = "numbers"


@dataclass(frozen=True, slots=True)
class Note:
    """A run, where its controller listened as `host:port`, and the digest of its scenario.

    `restarts`: how often another controller has gone on with it.
    """

    run: str
    listen: str
    scenario: str
    restarts: int = 0

    @classmethod
    def of(cls, run: str, url: str, scenario: str) -> Note:
        """`url` is the controller's, `scenario` the text with nothing left open."""
        return cls(run, url.partition("//")[2].partition("/")[0], _digest(scenario))

    def listen_again(self, listen: str) -> str:
        """Where another controller is to listen whose scenario says `listen`: at the port where that one did.

        The note has the address on this machine of what may have listened at all of them.
        """
        return f"{listen.rpartition(':')[0]}:{self.listen.rpartition(':')[2]}"

    def write(self, folder: Path) -> None:
        """Writes it into an experiment's folder, as a whole or not at all."""
        _replace(folder / _NOTE, json.dumps(asdict(self)))


def is_like_death(error: BaseException) -> bool:
    """Whether a controller that ends with this error is to leave everything as one that was killed does."""
    return isinstance(error, Exception) and not isinstance(error, NextminiError | Interrupted)


def restarted(restarts: int) -> list[str]:
    """What to say at the end of a run of which several controllers had a part."""
    if restarts == 0:
        return []
    often = "once" if restarts == 1 else f"{restarts} times"
    return [f"the controller was restarted {often}; the time series have gaps there"]


def find(folder: Path, network: Network, scenario: str, home: Home = Home.NAMED) -> Note | None:
    """The run of a killed controller that one for this network may go on with; says why if it may not.

    `home` is where its nodes have their devices.
    """
    note = _read(folder)
    if note is None:
        return None
    why = None
    if note.scenario != _digest(scenario):
        why = "it had another scenario"
    elif network.isolation != "none" and home is Home.NAMED:
        why = "its nodes have network namespaces, which are made anew"
    else:
        why = _unknown_events(folder)
    if why is None:
        log.warning("going on with run %s, whose controller was killed", note.run)
        return note
    log.warning("the controller of run %s was killed, and another run begins: %s", note.run, why)
    return None


def _unknown_events(folder: Path) -> str | None:
    """Why it is not known what its events have done; None if it is."""
    try:
        kept_events(folder)
    except ValueError as error:
        return str(error)
    return None


async def began(store: Store, note: Note, scenario: str) -> datetime:
    """When the run began. Raises DatabaseError if this is not the database that has it."""
    for run in await store.runs():
        if run.id == note.run and run.status == "running" and run.scenario == scenario:
            return run.started
    raise DatabaseError(
        f"run {note.run}, whose controller was killed, is not in this database",
        "name the one that it used with --database-url, or give the run up with `nextmini cleanup`",
    )


def keep_numbers(folder: Path, most: int) -> None:
    """Notes below which number changed routes have been given theirs."""
    _replace(folder / _NUMBERS, str(most))


def kept_numbers(folder: Path) -> int | None:
    """What was noted; None if no route has changed."""
    try:
        return int((folder / _NUMBERS).read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def _read(folder: Path) -> Note | None:
    try:
        found = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        run, listen, scenario = (str(found[key]) for key in ("run", "listen", "scenario"))
        return Note(run, listen, scenario, int(found["restarts"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s says nothing of use, and another run begins: %s", folder / _NOTE, error)
        return None


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def _digest(scenario: str) -> str:
    return hashlib.sha256(scenario.encode()).hexdigest()
