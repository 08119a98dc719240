"""How commands print: data on standard output, as text or as one JSON document."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from nextmini.scenario import Scenario

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def print_json(document: Any) -> None:
    """Prints one JSON document."""
    sys.stdout.write(json_text(document))


def json_text(document: Any) -> str:
    """One JSON document as it is printed."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def tell_unlimited(scenario: Scenario) -> None:
    """Tells on standard error that nothing limits nodes outside of containers, if that was asked for."""
    if scenario.network.limits is not None or any(node.limits is not None for node in scenario.nodes):
        typer.echo("note: limits of nodes hold in containers only (nextmini compose)", err=True)


def tell_notices(scenario: Scenario) -> None:
    """Tells on standard error what has become of a scenario's topology although nothing is wrong with it."""
    for notice in scenario.topology.notices():
        typer.echo(f"note: topology: {notice}", err=True)
