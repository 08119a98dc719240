"""What the container of a controller is asked for: what is not in force, and the run folder in the end."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.deploy.engine import call
from nextmini.deploy.planning import RUNS
from nextmini.experiment.folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ended:
    """What an experiment leaves: its result document, None if there is none; and what befell containers."""

    document: dict[str, Any] | None
    folder: Path | None
    failures: tuple[str, ...]
    notes: tuple[str, ...]


MOST_TROUBLES = 3
"""So many are told; they tend to have the same reason."""


async def troubles(container: str) -> list[str]:
    """What is not in force and why, as the controller has it; nothing if it does not say."""
    said = await call(["docker", "exec", container, "nextmini", "status", "--json"])
    if said.code != 0:
        return []
    # There are none before the controller listens.
    told = json.loads(said.out).get("troubles", [])
    found = [one for one in told if one["reason"]][:MOST_TROUBLES]
    return [f"{one['kind']} {one['name']} is {one['status']}: {one['reason']}" for one in found]


async def fetch(container: str, runs: Path) -> Path | None:
    """The run folder, which is copied into `runs`; None if there is none in the container."""
    before = await asyncio.to_thread(_run_folders, runs)
    if (await call(["docker", "cp", f"{container}:{RUNS}/.", str(runs)])).code != 0:
        return None
    came = sorted(await asyncio.to_thread(_run_folders, runs) - before)
    return came[-1] if came else None


def take_result(folder: Path) -> dict[str, Any] | None:
    """The result, which from now on says where its folder is here; None if the controller wrote none."""
    with suppress(FileNotFoundError):
        found: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        document = found | {"folder": str(folder)}
        RunFolder(folder).write_result(document)
        return document
    return None


def _run_folders(runs: Path) -> set[Path]:
    runs.mkdir(parents=True, exist_ok=True)
    return set(runs.iterdir())
