"""Run folders, by the words that somebody names one with, and what is in them."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.errors import NextminiError
from nextmini.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nextmini.experiment.series import Series

MOST_NAMES = 10
_SCENARIO, _RESULT = "scenario.toml", "result.json"


class ResultError(NextminiError):
    """A command on finished runs is refused: what it names is not there, or has not what it needs."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class RunFiles:
    """A run folder."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.resolve().name

    def result(self) -> dict[str, Any]:
        """The result document. Raises ResultError if there is none."""
        text = self._read(_RESULT, "a run has it once it has ended in order")
        try:
            found = json.loads(text)
        except ValueError as error:
            raise ResultError(f"{self.folder / _RESULT} is no JSON: {error}") from error
        if not isinstance(found, dict) or not isinstance(found.get("flows"), list):
            raise ResultError(f"{self.folder / _RESULT} is not the result of a run")
        return found

    def has_result(self) -> bool:
        return (self.folder / _RESULT).is_file()

    def scenario_text(self) -> str:
        """The scenario with nothing left open, as TOML. Raises ResultError if there is none."""
        return self._read(_SCENARIO, "this is no run folder")

    def scenario(self) -> dict[str, Any]:
        """The same as a document. Raises ResultError."""
        try:
            return tomllib.loads(self.scenario_text())
        except tomllib.TOMLDecodeError as error:
            raise ResultError(f"{self.folder / _SCENARIO} is no TOML: {error}") from error

    def series(self, series: Series) -> Path:
        """The file with a series. Raises ResultError if there is none."""
        path = self.folder / "series" / f"{series}.parquet"
        if not path.is_file():
            raise ResultError(
                f"run {self.id} has no {path.relative_to(self.folder)}",
                "series are written when a run has ended in order; of one that is going on, use "
                "`nextmini export` without a run",
            )
        return path

    def _read(self, name: str, why: str) -> str:
        path = self.folder / name
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ResultError(f"run {self.id} has no {name}", why) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ResultError(f"{path} cannot be read: {error}") from error


def find(named: Path, runs_dir: Path) -> RunFiles:
    """The run that is named by its folder, or by its id below `runs_dir`.

    Raises ResultError, with the runs that there are.
    """
    for folder in (named, runs_dir / named):
        if (folder / _SCENARIO).is_file():
            return RunFiles(folder)
    if named.is_dir():
        raise ResultError(
            f"{named} is no run folder: it has no {_SCENARIO}", _there_are(runs_dir, str(named))
        )
    raise ResultError(f"there is no run {str(named)!r}", _there_are(runs_dir, named.name))


def _there_are(runs_dir: Path, word: str) -> str:
    found = sorted(runs_dir.glob(f"*/{_SCENARIO}"), key=lambda path: path.stat().st_mtime, reverse=True)
    ids = [path.parent.name for path in found]
    if not ids:
        return f"there are none below {runs_dir}; name a run folder, or its parent with --runs-dir"
    meant = nearest(word, ids, cutoff=0.8)
    if meant is not None:
        return f"did you mean {meant}?"
    return f"below {runs_dir} there are {listed(ids)}, newest first"


def listed(names: Iterable[str]) -> str:
    """Names for an error message, but not thousands of them."""
    some = list(names)
    more = f" and {len(some) - MOST_NAMES} more" if len(some) > MOST_NAMES else ""
    return ", ".join(some[:MOST_NAMES]) + more
