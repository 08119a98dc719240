"""Removing what killed experiments left, and telling what that was."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nextmini.hosts.clearing import Cleared, clear
from nextmini.store import stop_unused_server

if TYPE_CHECKING:
    from pathlib import Path

    from nextmini.store import StateFolder


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What was removed, by the name of its experiment; and whether a database server that nobody used."""

    experiments: dict[str, Cleared]
    server: bool


async def clean_up(state: StateFolder) -> Cleanup:
    """Removes it; experiments that run are left alone.

    Raises PrerequisiteError or DatabaseError if something cannot be removed; then trying again is no harm.
    """
    found: dict[Path, Cleared] = {}

    def note(folder: Path) -> None:
        found[folder] = clear(folder)

    noting = replace(state, clear=note)
    names = await asyncio.to_thread(noting.remove_abandoned)
    server = await asyncio.to_thread(stop_unused_server, state.path)
    return Cleanup({name: found.get(state.folder(name), Cleared()) for name in names}, server)
