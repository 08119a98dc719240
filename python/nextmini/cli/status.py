"""`nextmini status`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextmini.cli.algorithm import algorithm_table
from nextmini.cli.live import (
    ExperimentOption,
    StateOption,
    perform,
    print_table,
    shown_path,
    state_folder,
    table_of,
)
from nextmini.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

MOST_TROUBLES = 20
MOST_FLOWS = 40
INTERVAL = 1.0


def status(
    experiment: ExperimentOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on until the experiment ends, q or Ctrl-C.")
    ] = False,
    interval: Annotated[
        float | None,
        typer.Option(min=0.1, metavar="SECONDS", help="How often it is renewed with --watch (default: 1)."),
    ] = None,
    json: JsonOption = False,
    state_dir: StateOption = None,
) -> None:
    """Print where a running experiment stands: its nodes, links and flows, and what is not in force.

    With --watch it is drawn anew in its place; where standard output is no terminal, it is printed anew, with
    --json as one document a line.
    """
    from nextmini.live.choice import LiveError, choose
    from nextmini.live.status import status as read_status

    if interval is not None and not watch:
        raise LiveError("--interval goes with --watch only", "add --watch, or remove --interval")
    state = state_folder(state_dir)
    found = choose(state, experiment)
    if watch:
        from nextmini.cli.watch import watch as watch_status

        watch_status(state, found, INTERVAL if interval is None else interval, json)
        return
    document = perform(lambda: read_status(state, found))
    if json:
        print_json(document)
    else:
        print_status(document)


def print_status(document: dict[str, Any]) -> None:
    """Prints where an experiment stands."""
    _print(parts(document))


def parts(document: dict[str, Any]) -> "Iterator[str | Table]":
    """Lines and tables that tell where an experiment stands."""
    status = document["status"]
    since = "for" if status in ("starting", "running") else "after"
    yield f"{document['experiment']}: {status} {since} {document['seconds']:.0f} s"
    if document["folder"] is not None:
        yield f"Run folder: {shown_path(document['folder'])}"
    if document["metrics"] is not None:
        yield f"Metrics: {document['metrics']}"
    if "nodes" not in document:
        return
    for kind in ("nodes", "links", "routes"):
        counts = ", ".join(f"{number:,} {state}" for state, number in document[kind].items())
        yield f"{kind.capitalize()}: {counts or 'none'}"
    for site in document["sites"]:
        missing = site["status"] in ("waiting", "missing")
        yield f"Site {site['site']}: {site['status']}" + (f"; there, run: {site['join']}" if missing else "")
    for path in document["paths"]:
        yield _path(path)
    for trouble in document["troubles"][:MOST_TROUBLES]:
        yield _sentence(trouble)
    if len(document["troubles"]) > MOST_TROUBLES:
        yield f"... and {len(document['troubles']) - MOST_TROUBLES} more, see --json"
    yield from flow_parts(document["flows"], MOST_FLOWS)
    if document["algorithms"]:
        yield algorithm_table(document["algorithms"])


def _path(path: dict[str, Any]) -> str:
    from nextmini.experiment.quantities import rate, seconds

    asked = f", asked for {seconds(path['asked_rtt_ms'] / 1000)}" if path["asked_rtt_ms"] else ""
    there, back = map(rate, path["most_bps"])
    passed = f"up to {there} have passed, {back} back" if any(path["most_bps"]) else "nothing has passed yet"
    return (
        f"Path below {' - '.join(path['link'])}: round trip {seconds(path['rtt_ms'] / 1000)}{asked}; {passed}"
    )


def _sentence(trouble: dict[str, Any]) -> str:
    reason = f": {trouble['reason']}" if trouble["reason"] else ""
    return f"{trouble['kind']} {trouble['name']} is {trouble['status']}{reason}"


def print_flows(flows: list[dict[str, Any]]) -> None:
    """Prints all flows with their progress."""
    _print(flow_parts(flows, None))


def flow_parts(flows: list[dict[str, Any]], most: int | None) -> "Iterator[str | Table]":
    """Flows with their progress; of more than `most` only so many of those that run or went wrong."""
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
        yield table_of(("Flow", "From", "To", "Kind", "Status", *numbers, ""), rows, numbers)
    if len(shown) < len(flows):
        yield f"... and {len(flows) - len(shown)} more flows, see --json"


def _print(shown: "Iterator[str | Table]") -> None:
    for part in shown:
        if isinstance(part, str):
            typer.echo(part)
        else:
            print_table(part)
