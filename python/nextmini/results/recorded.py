"""What a comparison needs of a run, from its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.errors import ScenarioError
from nextmini.results.comparison import Recorded
from nextmini.results.finding import ResultError
from nextmini.scenario import loads, resolve

if TYPE_CHECKING:
    from nextmini.results.comparison import Way
    from nextmini.results.finding import RunFiles


def recorded(run: RunFiles) -> Recorded:
    """The run. Raises ResultError if something of it cannot be read."""
    result = run.result()
    missing = {"seconds", "link_stats"} - result.keys()
    if missing:
        raise ResultError(f"the result of run {run.id} has no {' and no '.join(sorted(missing))}")
    return Recorded(run.id, result, run.scenario(), _rates(run))


def _rates(run: RunFiles) -> dict[Way, int]:
    try:
        network = resolve(loads(run.scenario_text()))
    except ScenarioError as error:
        raise ResultError(f"the scenario of run {run.id} is not of this version: {error}") from error
    names = {node.id: node.name for node in network.nodes}
    ways = {}
    for link in network.links:
        for a, b, direction in ((link.a, link.b, link.forward), (link.b, link.a, link.backward)):
            if direction.rate is not None:
                ways[names[a], names[b]] = direction.rate
    return ways
