"""What a run is told beside its scenario, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nextmini.controller.devices import Home
from nextmini.hosts.local import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nextmini.controller.fidelity import FidelityReports
    from nextmini.controller.flows import FlowProgress
    from nextmini.controller.tls import TlsFiles
    from nextmini.store import GivenSecrets
    from nextmini.store.registry import How

Status = Literal["passed", "failed", "interrupted"]

EXIT_CODES: dict[Status, int] = {"passed": 0, "failed": 1, "interrupted": 130}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Where a run keeps things, and what it runs.

    `database_url`: a PostgreSQL server to use instead of the embedded one. `state_dir`: None for the usual
    place. `name` takes the place of the experiment's. `export`: whether the run folder gets the time series.
    `program` is the dataplane's, without options. `until`: what ends a run whose scenario gives it no
    duration: its flows, when all have ended, or somebody who stops it, which then is no interruption.
    `tls`: a certificate to show instead of one that is made for the experiment.
    `given`: the secrets of the experiment, where somebody else has made them for all who need them. `home`:
    where nodes have their devices: in namespaces that the run makes, or with their dataplane processes, which
    have made them then.
    `has_folder`: whether there is a run folder at all.
    `how`: what others are told of how it was started. `watch_us`: microseconds between two looks of each
    process at how late a bare timer is.
    """

    runs_dir: Path = Path("runs")
    database_url: str | None = None
    state_dir: Path | None = None
    name: str | None = None
    export: bool = True
    program: Sequence[str] = PROGRAM
    until: Literal["flows", "stopped"] = "flows"
    how: How = "run"
    watch_us: int = 10_000
    tls: TlsFiles | None = None
    given: GivenSecrets | None = None
    home: Home = Home.NAMED
    has_folder: bool = True


@dataclass(frozen=True, slots=True)
class Measured:
    """What processes said, all of it: the result document has what most want to know."""

    flows: Mapping[int, FlowProgress]
    fidelity: FidelityReports


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    document: dict[str, Any]
    """The result document, see docs/."""
    folder: Path
    problems: tuple[str, ...] = ()
    """What went wrong with the run itself, and not with a flow."""
    notes: tuple[str, ...] = ()
    """What its user should know although the results stand."""
    measured: Measured | None = None
    """None if it was over before there was a controller."""

    @property
    def status(self) -> Status:
        status: Status = self.document["status"]
        return status

    @property
    def exit_code(self) -> int:
        """0 if all is well, 1 if something failed, 130 if the run was interrupted."""
        return EXIT_CODES[self.status]
