"""Commands inside the nodes of a running experiment."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.hosts.commands import CommandError, spawn
from nextmini.hosts.inside import end_group
from nextmini.hosts.namespaces import places
from nextmini.live.choice import LiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nextmini.hosts.commands import Place
    from nextmini.store import Registration, StateFolder

MOST_AT_ONCE = 256
"""Commands that run at the same time."""
_LONGEST_LINE = 2**16


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended, with all that it wrote; an `exit` below 0 is the signal that ended it."""

    node: str
    exit: int
    output: str


def places_of(state: StateFolder, found: Registration) -> dict[str, Place]:
    """Where commands of the experiment's nodes run. Raises LiveError if its nodes have no namespaces."""
    there = places(state.folder(found.name), found.name)
    if not there:
        raise LiveError(
            f"the nodes of experiment {found.name!r} have no network namespaces for programs to run in",
            'write isolation = "namespace" under [network] of its scenario',
        )
    return there


async def run_on(
    chosen: Sequence[Place], command: Sequence[str], heard: Callable[[str, str], None]
) -> list[Ended]:
    """Runs a command on many nodes at once; `heard` gets each line, with the node that it comes from.

    Commands end when this is cancelled. Raises RunError if it cannot go inside.
    """
    room = asyncio.Semaphore(MOST_AT_ONCE)

    async def one(place: Place) -> Ended:
        async with room:
            return await _run(place, command, heard)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(place)) for place in chosen]
    return [task.result() for task in tasks]


async def _run(place: Place, command: Sequence[str], heard: Callable[[str, str], None]) -> Ended:
    try:
        process = await asyncio.to_thread(
            spawn,
            place,
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except CommandError as error:
        heard(place.node, f"error: {error}")
        return Ended(place.node, error.exit_code, "")
    try:
        lines = await asyncio.to_thread(lambda: _lines(process, place, heard))
        code = await asyncio.to_thread(process.wait)
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            end_group(process)
        raise
    return Ended(place.node, code, lines)


def _lines(process: subprocess.Popen[bytes], place: Place, heard: Callable[[str, str], None]) -> str:
    lines = []
    if process.stdout is not None:
        for data in iter(lambda: process.stdout.readline(_LONGEST_LINE), b""):  # type: ignore[union-attr]
            line = data.decode(errors="replace")
            lines.append(line)
            heard(place.node, line.rstrip("\n"))
    return "".join(lines)
