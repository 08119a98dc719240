"""The chart of what each direction of a link was to carry against what it carried, from a run's result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.results.finding import ResultError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.results.finding import RunFiles

MOST_BARS = 12


@dataclass(frozen=True, slots=True)
class LinkLoad:
    """Of one direction of a link, in Mbit/s; `use` is the measured share of its rate, if it has one."""

    name: str
    predicted: float
    measured: float
    predicted_use: float | None
    use: float | None


@dataclass(frozen=True, slots=True)
class LoadChart:
    """Each of `loads` is a point; those of `named` have bars too, the largest first."""

    loads: Sequence[LinkLoad]
    named: Sequence[LinkLoad]

    name = "loads"
    title = "Predicted and measured loads"
    unit = "Mbit/s"

    @property
    def note(self) -> str | None:
        """What does not stand in the chart by itself."""
        if len(self.named) == len(self.loads):
            return None
        return f"{self.name}: all {len(self.loads)} links are points, {len(self.named)} have bars"


def loads_of(run: RunFiles) -> list[LinkLoad]:
    """All that the result has, in its order; none if nothing was predicted. Raises ResultError."""
    entries = run.result().get("loads", [])
    try:
        return [_load(entry) for entry in entries]
    except (KeyError, TypeError) as error:
        raise ResultError(
            f"the loads in the result of run {run.id} cannot be read: {error}",
            "draw it with the version of Nextmini that made it",
        ) from error


def load_chart(loads: Sequence[LinkLoad], asked: Sequence[str] | None) -> LoadChart:
    """Bars for the directions that are named, in this order, or for those predicted to be the fullest."""
    if asked is not None:
        by_name = {load.name: load for load in loads}
        return LoadChart(loads, [by_name[name] for name in asked])
    fullest = sorted(loads, key=lambda load: (-(load.predicted_use or 0.0), -load.predicted))
    return LoadChart(loads, fullest[:MOST_BARS])


def _load(entry: dict[str, Any]) -> LinkLoad:
    return LinkLoad(
        f"{entry['from']} -> {entry['to']}",
        entry["predicted_bps"] / 1e6,
        entry["measured_bps"] / 1e6,
        entry["predicted_utilisation"],
        entry["utilisation"],
    )
