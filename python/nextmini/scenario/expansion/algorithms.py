"""Algorithms: each with a name of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.fields import ALGORITHM_NAME
from nextmini.scenario.findings import Finding, Path, key_text
from nextmini.scenario.network import Algorithm
from nextmini.scenario.plugin_names import stem
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from nextmini.scenario.model import Scenario


def expand_algorithms(scenario: Scenario, complete: bool, findings: list[Finding]) -> tuple[Algorithm, ...]:
    """All algorithms of the scenario, numbered from 1; not `complete`: some could not be understood."""
    algorithms: list[Algorithm] = []
    origins: dict[str, Path] = {}
    for place, entry in enumerate(scenario.algorithms):
        name = entry.name or stem(entry.use)
        if ALGORITHM_NAME.fullmatch(name) is None:
            message = f"{shown(name)} cannot be the name of an algorithm"
            findings.append(Finding(("algorithms", place), message, 'give it one, as in name = "mine"'))
        if name in origins and complete:
            message = f"{shown(name)} is also the name of {key_text(origins[name])}"
            findings.append(Finding(("algorithms", place), message, 'give it another one: name = "..."'))
        origins.setdefault(name, ("algorithms", place))
        algorithms.append(
            Algorithm(place + 1, name, entry.use, entry.parameters, entry.on_failure, entry.timeout)
        )
    return tuple(algorithms)
