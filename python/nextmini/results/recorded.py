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

_NEEDED = {
    "flows": {"name", "status", "goodput_bps", "seconds", "bytes", "retransmitted"},
    "link_stats": {"from", "to", "bytes", "drops"},
}


def recorded(run: RunFiles) -> Recorded:
    """The run. Raises ResultError if something of it cannot be read."""
    result = run.result()
    if "seconds" not in result:
        raise ResultError(f"the result of run {run.id} has no seconds")
    for key, needed in _NEEDED.items():
        entries = result.get(key)
        if not isinstance(entries, list) or any(needed - entry.keys() for entry in entries):
            said = ", ".join(sorted(needed))
            raise ResultError(
                f"the result of run {run.id} has no {key} with {said}", "it is not of this version"
            )
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
