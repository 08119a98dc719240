"""Measures ours and peers in turn: each once, then each once more."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.figures.document import Origin, Row, X
from nextmini.errors import NextminiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    Found = Mapping[str, Mapping[str, float]]
    Tell = Callable[[str], None]


PATIENCE_SECONDS = 600.0
"""How long one measurement may take."""


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement that is repeated, at one place of a panel.

    `measure` returns values by key for each of `series`, whose origins these are. At most `most` repetitions
    of it are made, where one takes long.
    """

    panel: str
    x: X
    series: Mapping[str, Origin]
    measure: Callable[[], Awaitable[Found]]
    most: int | None = None

    @property
    def what(self) -> str:
        """In words."""
        return f"{next(iter(self.series))}{' at ' if isinstance(self.x, int) else ', '}{self.x}"


async def in_turn(cases: Sequence[Case], repeat: int, tell: Tell) -> list[Row]:
    """A row for each series of each case, in their order; `tell` hears what is being measured.

    What fails is not tried again, and its rows say why. Raises Interrupted.
    """
    rows = {at: _rows(case) for at, case in enumerate(cases)}
    failed: set[int] = set()
    for repetition in range(1, repeat + 1):
        for at, case in enumerate(cases):
            if at in failed or (case.most is not None and repetition > case.most):
                continue
            tell(f"repetition {repetition} of {repeat}: {case.what}")
            reason = await _once(case, rows[at])
            if reason is not None:
                tell(f"{case.what}: {reason}")
                failed.add(at)
    return [row for made in rows.values() for row in made.values()]


async def _once(case: Case, rows: Mapping[str, Row]) -> str | None:
    """One value more for each row; if there is none, why."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await case.measure()
    except (NextminiError, OSError, subprocess.SubprocessError) as error:
        reason = _reason(error)
        for row in rows.values():
            row.reason = reason
        return reason
    for series, values in found.items():
        for key, value in values.items():
            rows[series].values.setdefault(key, []).append(value)
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no result within {PATIENCE_SECONDS:g} s"
    return error.message if isinstance(error, NextminiError) else str(error)


def _rows(case: Case) -> dict[str, Row]:
    return {series: Row(case.panel, series, case.x, origin) for series, origin in case.series.items()}
