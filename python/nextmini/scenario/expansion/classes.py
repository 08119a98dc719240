"""Classes of packets, with the nodes that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.class_table import MOST_CLASSES
from nextmini.scenario.findings import Finding
from nextmini.scenario.network import Class

if TYPE_CHECKING:
    from nextmini.scenario.expansion.nodes import Cast
    from nextmini.scenario.model import Scenario


def expand_classes(scenario: Scenario, cast: Cast, findings: list[Finding]) -> tuple[Class, ...]:
    """All classes of the scenario, numbered from 1."""
    if len(scenario.classes) > MOST_CLASSES:
        message = f"there are {len(scenario.classes):,} classes"
        findings.append(Finding(("classes",), message, f"keep to {MOST_CLASSES:,}"))
        return ()
    classes = []
    for place, entry in enumerate(scenario.classes):
        if entry.rate is None and entry.weight is None:
            message, remedy = "this class has neither a rate nor a weight", "write weight = 4"
            findings.append(Finding(("classes", place), message, remedy))
        ends = [
            None if name is None else cast.number(name, ("classes", place, "match", key), findings)
            for key, name in (("source", entry.match.source), ("destination", entry.match.destination))
        ]
        match = entry.match
        classes.append(
            Class(place + 1, ends[0], ends[1], match.protocol, match.port, entry.rate, entry.weight)
        )
    return tuple(classes)
