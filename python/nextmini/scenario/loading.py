"""Loading a scenario: read, understand, look at the whole, and tell all that is wrong at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from nextmini.errors import Problem, ScenarioError
from nextmini.scenario.expansion import expand
from nextmini.scenario.findings import key_text, line_at
from nextmini.scenario.reading import (
    Document,
    ScenarioFolder,
    UnreadableError,
    names_in,
    read_file,
    read_text,
)
from nextmini.scenario.salvage import further_findings
from nextmini.scenario.understanding import understand

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nextmini.scenario.findings import Finding, Path
    from nextmini.scenario.model import Scenario
    from nextmini.scenario.network import Network


Check = Callable[["Network"], "Iterable[Finding]"]


def load(path: FilePath, check: Check | None = None) -> Scenario:
    """The scenario in a TOML, YAML or JSON file, found good as a whole.

    `check` says what else is wrong with a network that is good as it stands there. Raises ScenarioError with
    every problem there is, each with its file, line and key.
    """
    try:
        document = read_file(path)
    except UnreadableError as error:
        raise _unreadable(str(path), error) from None
    return _understood(document, str(path), path.parent, check)


def loads(text: str, format: str = "toml", file: str = "scenario") -> Scenario:
    """The scenario in a text, found good as a whole; `format` is "toml", "yaml" or "json".

    Files that it names are looked for from the current folder on. Raises ScenarioError with every problem
    there is; they call the text `file`.
    """
    try:
        document = read_text(text, format)
    except UnreadableError as error:
        raise _unreadable(file, error) from None
    return _understood(document, file, FilePath())


def load_topology(path: FilePath, said: Mapping[str, Any]) -> Scenario:
    """A scenario of nothing but the topology in a file, with what `[topology]` would say of it.

    Raises ScenarioError with everything that is wrong, as if there were such a table.
    """
    topology = {**said, "kind": "file", "path": str(path)}
    data = {"experiment": {"name": "topology"}, "topology": topology}
    return _understood(Document(data, dict), str(path), FilePath())


def resolve(scenario: Scenario) -> Network:
    """The network that a scenario describes.

    Raises ScenarioError if it describes none: never for a scenario that `load` has returned.
    """
    network, findings = expand(scenario)
    if network is None:
        raise ScenarioError(_problems("scenario", {}, findings))
    return network


def _understood(document: Document, file: str, folder: FilePath, check: Check | None = None) -> Scenario:
    files = ScenarioFolder(folder, names_in(document.data))
    scenario, findings = understand(document.data, files)
    if scenario is not None:
        network, found = expand(scenario)
        findings = findings + found
        if check is not None and network is not None:
            findings = [*findings, *check(network)]
    else:
        findings = findings + further_findings(document.data, findings, files)
    if scenario is None or findings:
        raise ScenarioError(_problems(file, document.lines(), findings))
    return scenario


def _unreadable(file: str, error: UnreadableError) -> ScenarioError:
    return ScenarioError(
        [Problem(file, flaw.line, flaw.key, flaw.message, flaw.remedy) for flaw in error.flaws]
    )


def _problems(file: str, lines: Mapping[Path, int], findings: Iterable[Finding]) -> list[Problem]:
    """The findings in the order of the file's lines, each once."""
    unique = list(dict.fromkeys(findings))
    placed = [(line_at(lines, finding.path), finding) for finding in unique]
    placed.sort(key=lambda one: one[0] or 0)
    return [
        Problem(*finding.place or (file, line), key_text(finding.path), finding.message, finding.remedy)
        for line, finding in placed
    ]
