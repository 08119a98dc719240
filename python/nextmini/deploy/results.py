"""What an experiment in containers leaves: its run folder, out of the controller's container."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.deploy.engine import call
from nextmini.deploy.planning import RUNS

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ended:
    """What an experiment leaves: its result document, None if there is none; and what befell containers."""

    document: dict[str, Any] | None
    folder: Path | None
    failures: tuple[str, ...]
    notes: tuple[str, ...]


async def fetch(container: str, runs: Path) -> Path | None:
    """The run folder, which is copied into `runs`; None if there is none in the container."""
    before = await asyncio.to_thread(_run_folders, runs)
    if (await call(["docker", "cp", f"{container}:{RUNS}/.", str(runs)])).code != 0:
        return None
    came = sorted(await asyncio.to_thread(_run_folders, runs) - before)
    return came[-1] if came else None


def read_result(folder: Path) -> dict[str, Any] | None:
    """The result document of a run folder, if there is one."""
    with suppress(FileNotFoundError):
        found: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return found | {"folder": str(folder)}
    return None


def _run_folders(runs: Path) -> set[Path]:
    runs.mkdir(parents=True, exist_ok=True)
    return set(runs.iterdir())
