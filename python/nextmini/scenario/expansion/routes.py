"""Routes: the scenario's paths, each in one direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.findings import Finding, Path, key_text
from nextmini.scenario.network import Route
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from nextmini.scenario.expansion.links import Web
    from nextmini.scenario.expansion.nodes import Cast
    from nextmini.scenario.model import Scenario
    from nextmini.scenario.tables import RouteEntry


def expand_routes(scenario: Scenario, cast: Cast, web: Web, findings: list[Finding]) -> tuple[Route, ...]:
    """All routes of the scenario, numbered from 1; one that runs both ways is two."""
    routes: list[Route] = []
    origins: dict[tuple[int, ...], Path] = {}
    for place, entry in enumerate(scenario.routes):
        path = _path(entry, place, cast, web, findings)
        if path is None:
            continue
        for nodes in (path, path[::-1])[: 2 if entry.both else 1]:
            if nodes in origins:
                first = key_text(origins[nodes])
                findings.append(
                    Finding(
                        ("routes", place, "path"),
                        f"{first} is the same route",
                        "keep one, with the sum of their weights",
                    )
                )
                break
            origins[nodes] = ("routes", place)
            routes.append(Route(id=len(routes) + 1, path=nodes, weight=entry.weight, origin="scenario"))
    return tuple(routes)


def _path(
    entry: RouteEntry, place: int, cast: Cast, web: Web, findings: list[Finding]
) -> tuple[int, ...] | None:
    where = ("routes", place, "path")
    found = [cast.number(name, (*where, step), findings) for step, name in enumerate(entry.path)]
    nodes = tuple(node for node in found if node is not None)
    if len(nodes) < len(entry.path):
        return None
    before = len(findings)
    for step, name in enumerate(entry.path):
        if name in entry.path[:step]:
            findings.append(
                Finding((*where, step), f"the path visits {shown(name)} twice", "a path visits a node once")
            )
            return None
    for step in range(len(nodes) - 1):
        if web.complete and nodes[step : step + 2] not in web.pairs:
            one, other = entry.path[step : step + 2]
            message = f"there is no link between {shown(one)} and {shown(other)}"
            findings.append(Finding((*where, step + 1), message, "add it to [[links]], or take another path"))
    hop_limit = cast.nodes[0].hop_limit
    if len(nodes) - 1 > hop_limit:
        message = f"the path has {len(nodes) - 1} links, and network.hop_limit is {hop_limit}"
        findings.append(Finding(where, message, "write a higher hop_limit, or leave it out"))
    return nodes if len(findings) == before else None
