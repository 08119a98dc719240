"""Programs inside nodes: each in a node that is there, and has a network of its own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nextmini.scenario.findings import Finding, Path, key_text
from nextmini.scenario.network import App
from nextmini.scenario.units import format_time
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from nextmini.scenario.app_table import AppEntry
    from nextmini.scenario.expansion.nodes import Cast
    from nextmini.scenario.model import Scenario


def expand_apps(scenario: Scenario, cast: Cast, complete: bool, findings: list[Finding]) -> tuple[App, ...]:
    """All programs of the scenario, numbered from 1; not `complete`: some could not be understood."""
    if scenario.apps and scenario.network.isolation == "none":
        message = "nodes have no network of their own for programs to run in"
        remedy = 'write isolation = "namespace" under [network]'
        findings.append(Finding(("apps", 0), message, remedy))
    apps: list[App] = []
    unnamed: Counter[str] = Counter()
    origins: dict[str, Path] = {}
    for place, entry in enumerate(scenario.apps):
        _check_keys(scenario, entry, place, findings)
        name = entry.name
        if name is None:
            name = f"{entry.node}-{unnamed[entry.node]}"
            unnamed[entry.node] += 1
        if name in origins and complete:
            message = f"{shown(name)} is also the name of {key_text(origins[name])}"
            findings.append(Finding(("apps", place, "name"), message, "give each a name of its own"))
        origins.setdefault(name, ("apps", place))
        node = cast.number(entry.node, ("apps", place, "node"), findings)
        apps.append(_app(place + 1, name, node or 0, entry))
    return tuple(apps)


def _app(number: int, name: str, node: int, entry: AppEntry) -> App:
    return App(
        id=number,
        name=name,
        node=node,
        command=entry.command,
        ready=entry.ready,
        ready_within=entry.ready_within,
        start=entry.start,
        expect_exit=entry.expect_exit,
        env=entry.env + entry.files,
        cwd=entry.cwd,
        background=entry.background,
    )


def _check_keys(scenario: Scenario, entry: AppEntry, place: int, findings: list[Finding]) -> None:
    """What is said of a program goes together, and it starts within the experiment."""
    given = entry.model_fields_set
    if "ready_within" in given and entry.ready is None:
        message, remedy = "there is nothing to be ready", 'write ready = "tcp:5201" too, or remove it'
        findings.append(Finding(("apps", place, "ready_within"), message, remedy))
    if "expect_exit" in given and entry.background:
        message, remedy = "does not count for a program in the background", "remove one of the two"
        findings.append(Finding(("apps", place, "expect_exit"), message, remedy))
    for variable, _ in entry.files:
        if variable in dict(entry.env):
            message = f"{variable} is also a variable of env"
            findings.append(Finding(("apps", place, "files"), message, "give each a name of its own"))
    duration = scenario.experiment.duration
    if duration is not None and entry.start >= duration:
        message = f"{format_time(entry.start)} is after the end of the experiment, {format_time(duration)}"
        findings.append(Finding(("apps", place, "start"), message, "let the program start before"))
