"""`nextmini compare RUN RUN...`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from nextmini.cli.live import table
from nextmini.cli.output import JsonOption, print_json
from nextmini.cli.runs import RUNS_DIR, RunsDirOption

MOST_KEYS = 20
MOST_ROWS = 20
"""Flows and links that are shown, those that differ most."""

Shown = Callable[[float], str]


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN RUN...", help="Run folders, or ids of runs."),
    ],
    tolerance: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help='How far goodput may differ, as in "5 %"; else exit code 1.'),
    ] = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    json: JsonOption = False,
) -> None:
    """Tell how finished runs differ from the first one: scenario, flows, links, totals, completion times.

    The exit code is 0 if all runs could be read, 2 if not. With --tolerance it is 1 if the goodput of a flow
    differs by more, or a flow is in one of two runs only.
    """
    from nextmini.results.comparison import compare as compared
    from nextmini.results.finding import ResultError, find
    from nextmini.results.recorded import recorded
    from nextmini.results.tolerance import parse_tolerance

    if len(runs) < 2:
        raise ResultError("one run alone cannot be compared", "name two or more")
    share = None if tolerance is None else parse_tolerance(tolerance)
    first, *others = [recorded(find(run, runs_dir)) for run in runs]
    documents = [compared(first, other, share) for other in others]
    if json:
        print_json(documents)
    else:
        for document in documents:
            _print(document)
    if any(document.get("beyond_tolerance") for document in documents):
        raise typer.Exit(1)


def _print(document: dict[str, Any]) -> None:
    typer.echo(f"{document['before']} -> {document['after']}")
    _print_scenario(document["scenario"])
    _print_totals(document)
    _print_flows(document["flows"])
    _print_links(document["links"])
    for where in ("before", "after"):
        _print_only(document[where], document[f"only_{where}"])
    if document.get("beyond_tolerance"):
        typer.echo(f"Beyond the tolerance: {_listed(document['beyond_tolerance'])}")


def _print_scenario(keys: list[dict[str, Any]]) -> None:
    if not keys:
        typer.echo("Scenario: the same")
        return
    rows = [(entry["key"], entry["before"], entry["after"]) for entry in keys[:MOST_KEYS]]
    table(("Scenario", "Before", "After"), rows)
    _more(len(keys), MOST_KEYS, "keys")


def _print_totals(document: dict[str, Any]) -> None:
    from nextmini.experiment.quantities import rate, seconds, size

    plain: dict[str, Shown] = {
        "delivered_bytes": size,
        "link_bytes": size,
        "goodput_bps": rate,
        "seconds": seconds,
    }
    rows = [
        (key.replace("_", " "), *_cells(entry, plain.get(key, "{:g}".format)))
        for key, entry in document["totals"].items()
    ]
    rows += [
        (f"completion {level}", *_cells(entry, seconds))
        for level, entry in document["completion_seconds"].items()
    ]
    numbers = ("Before", "After", "Difference", "Relative")
    table(("Total", *numbers), rows, numbers)


def _print_flows(flows: list[dict[str, Any]]) -> None:
    from nextmini.experiment.quantities import rate, seconds

    rows = [
        (
            flow["name"],
            *_cells(flow["goodput_bps"], rate),
            *_cells(flow["seconds"], seconds)[:2],
            _status(flow),
        )
        for flow in _largest(flows, "goodput_bps")
    ]
    numbers = ("Goodput", "After", "Difference", "Relative", "Seconds", "Then")
    if rows:
        table(("Flow", *numbers, "Status"), rows, numbers)
        _more(len(flows), MOST_ROWS, "flows")


def _print_links(links: list[dict[str, Any]]) -> None:
    from nextmini.experiment.quantities import share, size

    rows = [
        (
            f"{link['from']} -> {link['to']}",
            *_cells(link["bytes"], size),
            *_cells(link["drops"], "{:g}".format)[:2],
            *_cells(link["utilisation"], share)[:2],
        )
        for link in _largest(links, "bytes")
    ]
    numbers = ("Bytes", "After", "Difference", "Relative", "Drops", "Then", "Used", "Now")
    if rows:
        table(("Link", *numbers), rows, numbers)
        _more(len(links), MOST_ROWS, "directions of links")


def _print_only(run: str, only: dict[str, list[Any]]) -> None:
    from nextmini.experiment.quantities import count

    for what, entries in only.items():
        if entries:
            names = [one if isinstance(one, str) else " -> ".join(one) for one in entries]
            typer.echo(f"Only in {run}: {count(len(names), what[:-1])}: {_listed(names)}")


def _cells(entry: dict[str, Any], shown: Shown) -> tuple[str | None, ...]:
    difference = entry["difference"]
    return (
        None if entry["before"] is None else shown(entry["before"]),
        None if entry["after"] is None else shown(entry["after"]),
        None if difference is None else ("-" if difference < 0 else "+") + shown(abs(difference)),
        None if entry["relative"] is None else f"{entry['relative']:+.1%}",
    )


def _status(flow: dict[str, Any]) -> str:
    before, after = flow["status"]["before"], flow["status"]["after"]
    return before if before == after else f"{before} -> {after}"


def _largest(entries: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """The entries that differ most, in the order that they have."""
    ranked = sorted(range(len(entries)), key=lambda place: -abs(entries[place][key]["difference"] or 0))
    return [entries[place] for place in sorted(ranked[:MOST_ROWS])]


def _more(number: int, most: int, what: str) -> None:
    if number > most:
        typer.echo(f"... and {number - most} more {what}, see --json")


def _listed(names: list[str]) -> str:
    from nextmini.results.finding import listed

    return listed(names)
