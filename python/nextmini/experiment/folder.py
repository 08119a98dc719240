"""The run folder: everything needed to repeat a run and to compare it.

```
runs/<name>-<date>-<time>-<4 hex digits>/
├── result.json                          what was measured
├── scenario.toml                        the scenario with nothing left open
├── apps/<name>.log                      what the programs inside nodes wrote
├── series/{links,flows}.{parquet,csv}   counters over time
└── logs/controller.log, dataplane-<n>.log, algorithm-<name>.log
```
"""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.errors import PrerequisiteError
from nextmini.experiment.result import as_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


def run_id(name: str, now: datetime) -> str:
    """A name for a run that tells what and when, and that two runs of one second do not share."""
    return f"{name}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder that exists."""

    path: Path

    @classmethod
    def create(cls, parent: Path, id: str, scenario: str) -> RunFolder:
        """Makes the folder and writes the scenario. Raises PrerequisiteError if that is not possible."""
        path = parent / id
        try:
            path.mkdir(parents=True)
            for name in ("logs", "series"):
                (path / name).mkdir()
            (path / "scenario.toml").write_text(scenario, encoding="utf-8")
        except OSError as error:
            raise PrerequisiteError(
                f"the run folder {path} cannot be made: {error.strerror}", "choose another with --runs-dir"
            ) from error
        return cls(path)

    @classmethod
    def open(cls, parent: Path, id: str, scenario: str) -> RunFolder:
        """The folder of a run that goes on, or a new one. Raises as `create`."""
        path = parent / id
        return cls(path) if path.is_dir() else cls.create(parent, id, scenario)

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def series(self) -> Path:
        return self.path / "series"

    def write_result(self, document: dict[str, Any]) -> None:
        """Writes the result, so that the file is there as a whole or not at all."""
        partial = self.path / "result.json.part"
        partial.write_text(as_json(document), encoding="utf-8")
        os.replace(partial, self.path / "result.json")

    @contextmanager
    def controller_log(self) -> Iterator[None]:
        """Sends what is logged, by Nextmini and what it uses, to the folder while the context lasts."""
        root, ours = logging.getLogger(), logging.getLogger("nextmini")
        handler = logging.FileHandler(self.logs / "controller.log", encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        before = ours.level
        root.addHandler(handler)
        ours.setLevel(logging.INFO)
        try:
            yield
        finally:
            ours.setLevel(before)
            root.removeHandler(handler)
            handler.close()
