"""Transparent nodes: which these are, and what keeps them from being."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.expansion.max_links import enclosed
from nextmini.scenario.findings import Finding, Path

if TYPE_CHECKING:
    from nextmini.scenario.expansion.links import Web
    from nextmini.scenario.expansion.nodes import Cast
    from nextmini.scenario.max_table import MaxTable
    from nextmini.scenario.model import Scenario
    from nextmini.scenario.tables import NodeEntry

_OVERALL: Path = ("max", "transparent")


def transparency(overall: MaxTable, entry: NodeEntry | None) -> tuple[bool, tuple[int, ...] | None]:
    """Whether a node is transparent, and for which ports (None: for all), by its entry if it has one."""
    own = None if entry is None else entry.max
    transparent = overall.transparent if own is None or own.transparent is None else own.transparent
    ports = overall.ports if own is None or own.ports is None else own.ports
    return transparent, ports if transparent else None


def check_transparent(
    scenario: Scenario, cast: Cast, web: Web, complete: bool, findings: list[Finding]
) -> None:
    """Transparent nodes have a network of their own, and links that something in max mode can cross.

    Not `complete`: some of what is said of max mode could not be understood.
    """
    if complete:
        _check_ports(scenario, findings)
    if scenario.network.isolation == "none":
        paths = [_OVERALL] if scenario.max.transparent else []
        for path in (*paths, *_said(scenario).values()):
            message = "nodes have no network of their own whose connections could be redirected"
            remedy = 'write isolation = "namespace" under [network]'
            findings.append(Finding(path, message, remedy))
    elif web.complete:
        _check_links(scenario, cast, web, findings)


def _said(scenario: Scenario) -> dict[str, Path]:
    """Where nodes are said to be transparent, each by itself; by their names."""
    return {
        entry.name: ("nodes", place, "max", "transparent")
        for place, entry in enumerate(scenario.nodes)
        if entry.max is not None and entry.max.transparent
    }


def _check_ports(scenario: Scenario, findings: list[Finding]) -> None:
    """Ports are of transparent nodes."""
    remedy = "write transparent = true too, or remove it"
    if scenario.max.ports is not None and not scenario.max.transparent and not _said(scenario):
        findings.append(Finding(("max", "ports"), "no node is transparent", remedy))
    for place, entry in enumerate(scenario.nodes):
        if entry.max is not None and entry.max.ports is not None:
            transparent, _ = transparency(scenario.max, entry)
            if not transparent:
                findings.append(
                    Finding(("nodes", place, "max", "ports"), "this node is not transparent", remedy)
                )


def _check_links(scenario: Scenario, cast: Cast, web: Web, findings: list[Finding]) -> None:
    """Something can leave each of them; of those that are transparent as all are, one finding is enough."""
    places = _said(scenario)
    blamed: set[Path] = set()
    transparent = [node for node in cast.nodes if node.transparent is not None]
    shut = enclosed(web) if transparent else {}
    for node in transparent:
        path = places.get(node.name, _OVERALL)
        if node.id not in shut or path in blamed:
            continue
        blamed.add(path)
        link, key = shut[node.id]
        ends = f"{cast.nodes[link.a - 1].name} - {cast.nodes[link.b - 1].name}"
        message = f"in max mode nothing can leave {node.name}: the link {ends} is asked for `{key}`"
        remedy = f"take `{key}` away, or write max = {{ transparent = false }} for this node under [[nodes]]"
        findings.append(Finding(path, message, remedy))
