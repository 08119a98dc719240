"""Weighted round robin needs weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.findings import Finding, Path
from nextmini.scenario.topology.shape import Generated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.scenario.direction import DirectionKeys
    from nextmini.scenario.model import Scenario
    from nextmini.scenario.tables import LinkSettings


def check_weights(scenario: Scenario, findings: list[Finding]) -> None:
    """Refuses `wrr` where every flow and class weighs the same."""
    weights: list[int | None] = [flow.weight for flow in scenario.flows]
    weights += [entry.weight for entry in scenario.classes]
    if any(weight not in (None, 1) for weight in weights):
        return
    for table, path in _tables(scenario):
        if table.discipline == "wrr":
            findings.append(
                Finding(
                    (*path, "discipline"),
                    "weighted round robin without weights: every flow and class has the same",
                    'write weight = 2 for some flow or class, or discipline = "fifo" or "drr"',
                )
            )


def _tables(scenario: Scenario) -> Iterator[tuple[DirectionKeys, Path]]:
    if isinstance(scenario.topology, Generated):
        yield from _of_settings(scenario.topology.link, ("topology", "link"))
    for place, link in enumerate(scenario.links):
        yield from _of_settings(link, ("links", place))
    for place, event in enumerate(scenario.events):
        if event.set is not None:
            yield event.set, ("events", place, "set")


def _of_settings(settings: LinkSettings, path: Path) -> Iterator[tuple[DirectionKeys, Path]]:
    yield settings, path
    for way in ("forward", "backward"):
        one: DirectionKeys | None = getattr(settings, way)
        if one is not None:
            yield one, (*path, way)
