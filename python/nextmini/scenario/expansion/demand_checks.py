"""Whether the keys of a demand go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.scenario.findings import Finding, Path
from nextmini.scenario.units import format_time
from nextmini.scenario.wording import alternatives

if TYPE_CHECKING:
    from nextmini.scenario.demand_table import DemandEntry
    from nextmini.scenario.expansion.nodes import Cast
    from nextmini.scenario.expansion.ways import Ways
    from nextmini.scenario.model import Scenario

_FROM = {
    "total": ("gravity", "uniform"),
    "masses": ("gravity",),
    "load": ("gravity", "uniform"),
    "capacity": ("gravity", "uniform"),
    **dict.fromkeys(
        ("nodes", "scale", "kind", "congestion", "sizes", "rate", "most"), ("matrix", "gravity", "uniform")
    ),
}
"""Where rates may be from, for a key to be possible; other keys are always."""
_REMEDY = 'write matrix = "matrix.csv", or model = "gravity" and total = "1 Gbit/s"'


@dataclass(frozen=True, slots=True)
class DemandGround:
    """What demands are laid over, and where findings go; `hosts` are the nodes of models that name none."""

    scenario: Scenario
    cast: Cast
    hosts: list[int]
    ways: Ways
    findings: list[Finding]

    def blame(self, path: Path, message: str, remedy: str, place: tuple[str, int] | None = None) -> None:
        self.findings.append(Finding(path, message, remedy, place))


def duration_of(ground: DemandGround, entry: DemandEntry) -> float | None:
    """For how many seconds its flows may start, or send if they are constant; None if nobody has said."""
    end = ground.scenario.experiment.duration
    if entry.duration is not None or end is None:
        return entry.duration
    return end - entry.start


def check_demand(ground: DemandGround, entry: DemandEntry, place: int) -> bool:
    """Whether everything about it can be, each finding at its key."""
    before = len(ground.findings)
    source = entry.model or "matrix"
    if entry.matrix is None and entry.model is None:
        ground.blame(("demands", place), "this demand has neither a matrix nor a model", _REMEDY)
    if entry.matrix is not None and entry.model is not None:
        ground.blame(("demands", place, "model"), "does not go with `matrix`", "keep one of the two")
    if len(ground.findings) == before:
        _check_keys(ground, entry, place, source)
    _check_kind(ground, entry, place)
    _check_end(ground, entry, place)
    return len(ground.findings) == before


def _check_keys(ground: DemandGround, entry: DemandEntry, place: int, source: str) -> None:
    """It has no keys but those of its matrix or its model, and no rates but one."""
    for key, sources in _FROM.items():
        if key in entry.model_fields_set and source not in sources:
            what = "`matrix`" if source == "matrix" else f'model = "{source}"'
            models = alternatives(f'"{one}"' for one in sources if one != "matrix")
            ground.blame(
                ("demands", place, key), f"does not go with {what}", f"remove it, or write model = {models}"
            )
    if source not in ("gravity", "uniform"):
        return
    _check_amount(ground, entry, place)


def _check_amount(ground: DemandGround, entry: DemandEntry, place: int) -> None:
    """A model says once how much is sent."""
    if entry.total is None and entry.load is None:
        remedy = 'write total = "1 Gbit/s", or load = "30 %" and capacity = "100 Mbit/s"'
        ground.blame(("demands", place), "nothing says how much is sent", remedy)
    elif entry.total is not None and entry.load is not None:
        ground.blame(("demands", place, "load"), "does not go with `total`", "keep one of the two")
    elif entry.load is not None and entry.capacity is None:
        remedy = 'write what it is a share of, as in capacity = "100 Mbit/s"'
        ground.blame(("demands", place, "capacity"), "is missing beside `load`", remedy)
    elif entry.load is None and entry.capacity is not None:
        remedy = 'write load = "30 %" instead of `total`, or remove it'
        ground.blame(("demands", place, "capacity"), "goes with `load` only", remedy)


def _check_kind(ground: DemandGround, entry: DemandEntry, place: int) -> None:
    """How it is sent makes sense."""
    if "congestion" in entry.model_fields_set and entry.kind != "tcp":
        message = f'does not go with kind = "{entry.kind}"'
        ground.blame(("demands", place, "congestion"), message, 'remove it, or write kind = "tcp"')
    if entry.rate is not None and entry.sizes is None:
        message = "goes with `sizes` only: constant flows have the rates of their pairs"
        ground.blame(("demands", place, "rate"), message, "remove it")
    if entry.kind == "udp" and entry.sizes is not None and entry.rate is None:
        message = "is missing: udp flows send at a rate, whatever their size"
        ground.blame(("demands", place, "rate"), message, 'write rate = "10 Mbit/s", or kind = "tcp"')


def _check_end(ground: DemandGround, entry: DemandEntry, place: int) -> None:
    """It begins and ends within the experiment."""
    end = ground.scenario.experiment.duration
    if end is not None and entry.start >= end:
        message = f"{format_time(entry.start)} is after the end of the experiment, {format_time(end)}"
        ground.blame(("demands", place, "start"), message, "let the demand start before")
    if entry.duration is None and end is None and entry.model != "listed":
        remedy = 'write duration = "5 s", or a duration under [experiment]'
        ground.blame(("demands", place), "this demand would never end", remedy)
