"""Ending running experiments, and clearing away what killed ones left."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextmini.live.choice import LiveError
from nextmini.live.processes import end
from nextmini.store import stop_unused_server
from nextmini.store.leftovers import held

if TYPE_CHECKING:
    from nextmini.experiment import Interrupt
    from nextmini.store import Registration, StateFolder


@dataclass(frozen=True, slots=True)
class Stopped:
    """An experiment that has ended; `document` is its result, if it could write one."""

    registration: Registration
    document: dict[str, Any] | None


async def stop(state: StateFolder, registration: Registration, interrupt: Interrupt) -> Stopped:
    """Asks an experiment to end in order, and returns when it has.

    Asks it to hurry when `interrupt` is hastened. Raises LiveError if its process cannot be asked.
    """
    with held(registration.pid) as process:
        # It still holds the lock now, so it lives, and the descriptor is its own.
        if _key(registration) in map(_key, state.running()):
            if process is None:
                raise _out_of_reach(registration, "cannot be seen from here", "end it in its own container")
            try:
                await end(process, interrupt)
            except PermissionError as error:
                raise _out_of_reach(registration, "is another user's", "end it as that user") from error
    if registration.name in state.remove_abandoned():
        await asyncio.to_thread(stop_unused_server, state.path)
    return Stopped(registration, _result(registration))


async def clear_away(state: StateFolder) -> list[str]:
    """Removes what killed experiments left, a database server too; returns their names."""
    removed = state.remove_abandoned()
    if removed:
        await asyncio.to_thread(stop_unused_server, state.path)
    return removed


def _key(registration: Registration) -> tuple[str, str, int]:
    return registration.name, registration.run, registration.pid


def _out_of_reach(registration: Registration, why: str, remedy: str) -> LiveError:
    return LiveError(f"process {registration.pid} of experiment {registration.name!r} {why}", remedy)


def _result(registration: Registration) -> dict[str, Any] | None:
    if registration.folder is None:
        return None
    try:
        text = (Path(registration.folder) / "result.json").read_text(encoding="utf-8")
    except OSError:
        return None
    document: dict[str, Any] = json.loads(text)
    return document
