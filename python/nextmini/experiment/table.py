"""The result as a person reads it: what ran, each flow, and what went wrong."""

from __future__ import annotations

import shlex
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nextmini.experiment.demand_rows import demand_table
from nextmini.experiment.load_rows import load_summary, load_table
from nextmini.experiment.quantities import count, rate, size

if TYPE_CHECKING:
    from typing import TextIO

    from nextmini.experiment.options import Outcome

MOST_FLOWS = 40
"""Flows that are shown one by one; of more only those that did not complete, and a summary."""
MOST_HOPS = 6
"""Nodes of a route that are shown; of a longer one the first, the last, and how many links it has."""
MOST_REASONS = 10
MOST_EVENTS = 20
MOST_DEMANDS = 10
MOST_APPS = 40
"""Programs that are shown one by one; of more only those that did not complete, and a summary."""
LONGEST_COMMAND = 60
"""Characters of a command that are shown."""
MOST_DOUBTS = 3
"""Reasons for a run's not being faithful that are shown."""
PLAIN_WIDTH = 160

_COLOURS = {
    **{"passed": "green", "completed": "green", "failed": "red", "interrupted": "yellow"},
    **{"applied": "green", "not reached": "yellow"},
    **{"faithful": "green", "degraded": "yellow", "invalid": "red"},
}


def print_outcome(outcome: Outcome, file: TextIO) -> None:
    """Prints the tables; in colour, and in the width of the terminal, if `file` is one."""
    print_document(outcome.document, file)


def print_document(document: dict[str, Any], file: TextIO) -> None:
    """As `print_outcome`, of a result document."""
    console = Console(file=file, highlight=False, width=None if file.isatty() else PLAIN_WIDTH)
    console.print(_headline(document))
    flows: list[dict[str, Any]] = document["flows"]
    shown = flows if len(flows) <= MOST_FLOWS else [f for f in flows if f["status"] != "completed"]
    if shown:
        console.print(_flow_table(shown[:MOST_FLOWS]))
    if len(shown) > MOST_FLOWS:
        console.print(f"... and {len(shown) - MOST_FLOWS} more that did not complete")
    if len(flows) > 1:
        console.print(_summary(flows))
    if document.get("demands"):
        console.print(demand_table(document["demands"][:MOST_DEMANDS]))
    if len(document.get("demands", [])) > MOST_DEMANDS:
        console.print(f"... and {len(document['demands']) - MOST_DEMANDS} more demands, see result.json")
    if document.get("loads"):
        console.print(load_table(document["loads"]))
        console.print(load_summary(document["loads"]))
    console.print(_links(document["link_stats"]))
    apps: list[dict[str, Any]] = document.get("apps", [])
    named = apps if len(apps) <= MOST_APPS else [app for app in apps if app["status"] != "completed"]
    if named:
        console.print(_app_table(named[:MOST_APPS]))
    if len(apps) > MOST_APPS:
        console.print(_app_summary(apps))
    if document.get("algorithms"):
        console.print(_algorithm_table(document["algorithms"]))
    events: list[dict[str, Any]] = document.get("events", [])
    if events:
        console.print(_event_table(events[:MOST_EVENTS]))
    if len(events) > MOST_EVENTS:
        console.print(f"... and {len(events) - MOST_EVENTS} more events, see result.json")
    if document.get("fidelity"):
        console.print(_fidelity(document["fidelity"]), soft_wrap=True)
    for line in _reasons([*flows, *apps]):
        console.print(line, soft_wrap=True)
    console.print(f"Results: {escape(document['folder'])}", soft_wrap=True)


def _headline(document: dict[str, Any]) -> str:
    status = document["status"]
    colour = _COLOURS.get(status, "default")
    sizes = f"{count(document['nodes'], 'node')}, {count(document['links'], 'link')}"
    return (
        f"[bold]{escape(document['experiment'])}[/bold]: [{colour}]{status}[/{colour}] "
        f"after {document['seconds']:.3g} s ({sizes}, {_runs(document)})"
    )


def _runs(document: dict[str, Any]) -> str:
    flows, apps = count(len(document["flows"]), "flow"), document.get("apps", [])
    return f"{flows}, {count(len(apps), 'app')}" if apps else flows


def _flow_table(flows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("Flow", "From", "To", "Status"):
        table.add_column(title, no_wrap=True)
    packets = any("packets_sent" in flow for flow in flows)
    for title in ("Bytes", "Seconds", "Goodput", "Resent", *(["Lost"] if packets else [])):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("Route", overflow="fold")
    for flow in flows:
        colour = _COLOURS.get(flow["status"], "default")
        table.add_row(
            escape(flow["name"]),
            escape(flow["source"]),
            escape(flow["destination"]),
            f"[{colour}]{flow['status']}[/{colour}]",
            size(flow["bytes"]),
            f"{flow['seconds']:.3f}",
            rate(flow["goodput_bps"]),
            str(flow["retransmitted"]),
            *([f"{flow['loss']:.3%}" if "loss" in flow else ""] if packets else []),
            escape(_route(flow["route"])),
        )
    return table


def _route(route: list[str]) -> str:
    if len(route) <= MOST_HOPS:
        return " ".join(route)
    return f"{route[0]} ... {route[-1]} ({len(route) - 1} links)"


def _summary(flows: list[dict[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for flow in flows:
        counts[flow["status"]] = counts.get(flow["status"], 0) + 1
    parts = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    total = size(sum(flow["bytes"] for flow in flows))
    rates = [flow["goodput_bps"] for flow in flows if flow["status"] == "completed"]
    spread = ""
    if len(rates) > 1:
        spread = f"; goodput {rate(min(rates))} to {rate(max(rates))}, median {rate(median(rates))}"
    return f"All flows: {parts}; {total} delivered{spread}"


def _links(stats: list[dict[str, Any]]) -> str:
    carried = size(sum(link["bytes"] for link in stats))
    drops: dict[str, int] = {}
    for link in stats:
        for cause, number in link["drops"].items():
            drops[cause] = drops.get(cause, 0) + number
    causes = ", ".join(f"{number} {cause}" for cause, number in drops.items() if number)
    return f"All links: {carried} carried; packets dropped: {causes or 'none'}"


def _app_summary(apps: list[dict[str, Any]]) -> str:
    counts = Counter(app["status"] for app in apps)
    return f"All apps: {', '.join(f'{number} {status}' for status, number in sorted(counts.items()))}"


def _app_table(apps: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("App", "Node", "Status"):
        table.add_column(title, no_wrap=True)
    for title in ("Exit", "Seconds"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("Command", overflow="fold")
    for app in apps:
        colour = _COLOURS.get(app["status"], "default")
        command = app["command"] if isinstance(app["command"], str) else shlex.join(app["command"])
        command = " ".join(command.split())
        table.add_row(
            escape(app["name"]),
            escape(app["node"]),
            f"[{colour}]{app['status']}[/{colour}]",
            "" if app["exit"] is None else str(app["exit"]),
            f"{app['seconds']:.3f}",
            escape(command if len(command) <= LONGEST_COMMAND else command[: LONGEST_COMMAND - 3] + "..."),
        )
    return table


def _algorithm_table(algorithms: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("Algorithm", "Status"):
        table.add_column(title, no_wrap=True)
    for title in ("Restarts", "Decisions"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for one in algorithms:
        colour = _COLOURS.get(one["status"], "default")
        table.add_row(
            escape(one["name"]),
            f"[{colour}]{one['status']}[/{colour}]",
            str(one["restarts"]),
            f"{one['decisions']:,}",
            escape(one["reason"] or ""),
        )
    return table


def _event_table(events: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("At", justify="right", no_wrap=True)
    table.add_column("Event", overflow="fold")
    table.add_column("Status", no_wrap=True)
    for title in ("After", "Packets"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for event in events:
        status, late = event["status"].replace("_", " "), event["applied_after_ms"]
        colour = _COLOURS.get(status, "default")
        table.add_row(
            f"{event['at']:g} s",
            escape(event["what"]),
            f"[{colour}]{status}[/{colour}]",
            "" if late is None else f"{late:.3g} ms",
            "" if event["packets_affected"] is None else f"{event['packets_affected']:,}",
            "[yellow]it touched no packet[/yellow]" if event["marked"] else escape(event["reason"] or ""),
        )
    return table


def _fidelity(fidelity: dict[str, Any]) -> str:
    """The verdict, and why."""
    verdict, reasons = fidelity["verdict"], fidelity["reasons"]
    colour = _COLOURS.get(verdict, "default")
    more = f"; and {len(reasons) - MOST_DOUBTS} more" if len(reasons) > MOST_DOUBTS else ""
    why = f": {escape('; '.join(reasons[:MOST_DOUBTS]))}{more}" if reasons else ""
    return f"Fidelity: [{colour}]{verdict.replace('_', ' ')}[/{colour}]{why}"


def _reasons(entries: list[dict[str, Any]]) -> list[str]:
    """Why flows and apps did not complete: each reason once, with those that it is of."""
    by_reason: dict[str, list[str]] = {}
    for entry in entries:
        if entry["reason"] is not None:
            by_reason.setdefault(f"{entry['status']}: {entry['reason']}", []).append(entry["name"])
    lines = []
    for reason, names in list(by_reason.items())[:MOST_REASONS]:
        some = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        lines.append(f"{escape(some)} {escape(reason)}")
    if len(by_reason) > MOST_REASONS:
        lines.append(f"... and {len(by_reason) - MOST_REASONS} more reasons, see result.json")
    return lines
