"""`nextmini status`."""

from typing import Any

import typer

from nextmini.cli.algorithm import print_algorithms
from nextmini.cli.live import ExperimentOption, StateOption, perform, shown_path, state_folder, table
from nextmini.cli.output import JsonOption, print_json

MOST_TROUBLES = 20
MOST_FLOWS = 40


def status(
    experiment: ExperimentOption = None, json: JsonOption = False, state_dir: StateOption = None
) -> None:
    """Print where a running experiment stands: its nodes, links and flows, and what is not in force."""
    from nextmini.live.choice import choose
    from nextmini.live.status import status as read_status

    state = state_folder(state_dir)
    found = choose(state, experiment)
    document = perform(lambda: read_status(state, found))
    if json:
        print_json(document)
    else:
        _print(document)


def _print(document: dict[str, Any]) -> None:
    typer.echo(f"{document['experiment']}: {document['status']} for {document['seconds']:.0f} s")
    if document["folder"] is not None:
        typer.echo(f"Run folder: {shown_path(document['folder'])}")
    if "nodes" not in document:
        return
    for kind in ("nodes", "links", "routes"):
        counts = ", ".join(f"{number:,} {state}" for state, number in document[kind].items())
        typer.echo(f"{kind.capitalize()}: {counts or 'none'}")
    for trouble in document["troubles"][:MOST_TROUBLES]:
        typer.echo(_sentence(trouble))
    if len(document["troubles"]) > MOST_TROUBLES:
        typer.echo(f"... and {len(document['troubles']) - MOST_TROUBLES} more, see --json")
    print_flows(document["flows"])
    if document["algorithms"]:
        print_algorithms(document["algorithms"])


def _sentence(trouble: dict[str, Any]) -> str:
    reason = f": {trouble['reason']}" if trouble["reason"] else ""
    return f"{trouble['kind']} {trouble['name']} is {trouble['status']}{reason}"


def print_flows(flows: list[dict[str, Any]], most: int | None = MOST_FLOWS) -> None:
    """Prints flows with their progress; of many only those that run or went wrong."""
    from nextmini.experiment.quantities import rate, size

    shown = flows
    if most is not None and len(flows) > most:
        shown = [flow for flow in flows if flow["status"] != "completed"][:most]
    rows = [
        (
            flow["name"],
            flow["source"],
            flow["destination"],
            flow["kind"],
            flow["status"],
            size(flow["bytes"]) + (f" of {size(flow['size'])}" if flow["size"] else ""),
            rate(flow["rate_bps"]),
            flow["reason"] or "",
        )
        for flow in shown
    ]
    if rows:
        numbers = ("Delivered", "Now")
        table(("Flow", "From", "To", "Kind", "Status", *numbers, ""), rows, numbers)
    if len(shown) < len(flows):
        typer.echo(f"... and {len(flows) - len(shown)} more flows, see --json")
