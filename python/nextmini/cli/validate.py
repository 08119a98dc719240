"""`nextmini validate FILE...`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nextmini.cli.output import JsonOption, print_json, tell_notices
from nextmini.errors import Problem, ScenarioError
from nextmini.experiment.algorithms import algorithm_findings
from nextmini.scenario import load, resolve


def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Scenarios in TOML, YAML or JSON.")],
    json: JsonOption = False,
) -> None:
    """Check scenarios without starting anything.

    Every problem is told with its file, line and key. The exit code is 0 if there are none, else 2.
    """
    problems: list[Problem] = []
    documents: list[dict[str, Any]] = []
    for file in files:
        try:
            documents.append(_facts(file))
        except ScenarioError as error:
            problems += error.problems
            documents.append(
                {"file": str(file), "valid": False, "problems": [asdict(one) for one in error.problems]}
            )
    if json:
        print_json(documents[0] if len(documents) == 1 else documents)
        raise typer.Exit(ScenarioError.exit_code if problems else 0)
    for document in documents:
        if document["valid"]:
            counts = ", ".join(f"{document[key]} {key}" for key in ("nodes", "links", "routes", "flows"))
            typer.echo(f"{document['file']}: valid: {counts}")
    if problems:
        raise ScenarioError(problems)


def _facts(file: Path) -> dict[str, Any]:
    scenario = load(file, algorithm_findings)
    tell_notices(scenario)
    network = resolve(scenario)
    return {
        "file": str(file),
        "valid": True,
        "experiment": network.name,
        "processes": network.processes,
        "nodes": len(network.nodes),
        "links": len(network.links),
        "routes": len(network.routes),
        "flows": len(network.flows),
        "problems": [],
    }
