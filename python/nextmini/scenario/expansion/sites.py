"""Sites: which of them each node is in, and which process there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from nextmini.scenario.findings import Finding, Path, key_text
from nextmini.scenario.network import Site, process_of
from nextmini.scenario.site_table import members
from nextmini.scenario.wording import nearest, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.scenario.model import Scenario
    from nextmini.scenario.site_table import SiteEntry

_ALL_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Seating:
    """All sites, and the process of every node by its name; no seats if there are no sites."""

    sites: tuple[Site, ...]
    seats: dict[str, int]


def expand_sites(
    scenario: Scenario, names: tuple[str, ...], complete: bool, findings: list[Finding]
) -> Seating:
    """Where the nodes are; `complete` is False if some nodes or sites could not be understood."""
    if not scenario.sites:
        if complete:
            _without_sites(scenario, findings)
        return Seating((), {})
    _check_settings(scenario, findings)
    firsts = accumulate((entry.processes for entry in scenario.sites), initial=0)
    sites = tuple(map(_site, scenario.sites, firsts))
    finder = _Where(scenario, names, complete, findings)
    where = finder.found()
    seats: dict[str, int] = {}
    for place, (entry, site) in enumerate(zip(scenario.sites, sites, strict=True)):
        here = [name for name in names if where.get(name) == place]
        if complete and len(here) < entry.processes:
            findings.append(_too_few(place, entry, len(here)))
        for number, name in enumerate(here, 1):
            seats[name] = site.first + process_of(number, len(here), site.processes)
    missing = [name for name in names if name not in seats]
    if missing and complete and not finder.mistaken:
        findings.append(Finding(("sites",), _homeless(missing), "name them in `nodes` of a site"))
    # Whoever has no seat is told of; the rest of the scenario is looked at all the same.
    return Seating(sites, {**dict.fromkeys(missing, 0), **seats})


def _site(entry: SiteEntry, first: int) -> Site:
    return Site(
        name=entry.name,
        first=first,
        processes=entry.processes,
        public=entry.public,
        private=entry.private,
        ports=entry.ports and (entry.ports.first, entry.ports.last),
        patience=entry.patience,
    )


def _without_sites(scenario: Scenario, findings: list[Finding]) -> None:
    for place, entry in enumerate(scenario.nodes):
        if entry.site is not None:
            remedy = f"write [[sites]] with name = {shown(entry.site)}, or remove it"
            findings.append(Finding(("nodes", place, "site"), "there are no sites", remedy))


def _check_settings(scenario: Scenario, findings: list[Finding]) -> None:
    """What the rest of a scenario cannot have where there are sites, and what a site cannot be."""
    if scenario.network.isolation != "none":
        message = "namespaces of nodes are made on this machine, and with [[sites]] nodes are elsewhere"
        findings.append(Finding(("network", "isolation"), message, 'write isolation = "none"'))
    if "processes" in scenario.experiment.model_fields_set:
        message = "with [[sites]], each of them says how many processes it has"
        findings.append(Finding(("experiment", "processes"), message, "leave `processes` out"))
    known: dict[str, int] = {}
    for place, entry in enumerate(scenario.sites):
        first = known.setdefault(entry.name, place)
        if first != place:
            message = f"{shown(entry.name)} is also the name of {key_text(('sites', first))}"
            findings.append(Finding(("sites", place, "name"), message, "give each a name of its own"))
        findings += _contradictions(place, entry)


def _contradictions(place: int, entry: SiteEntry) -> Iterator[Finding]:
    if entry.nat and entry.public is not None:
        message = "others reach it at its `public` address, and behind NAT nobody does"
        remedy = "remove `public`, or `nat` if its ports are forwarded"
        yield Finding(("sites", place, "nat"), message, remedy)
    if entry.nat is False and entry.public is None:
        message = "who is not behind NAT has an address at which others reach it"
        yield Finding(("sites", place, "nat"), message, 'write public = "192.0.2.7", or leave `nat` out')
    if entry.ports is not None and entry.ports.number < entry.processes:
        message = f"{entry.processes} processes have no room in {entry.ports.number} ports"
        yield Finding(("sites", place, "ports"), message, "give each process a port of its own")


def _too_few(place: int, entry: SiteEntry, nodes: int) -> Finding:
    if nodes == 0:
        remedy = 'write nodes = ["a"], or remove the site'
        return Finding(("sites", place), "no node is at this site", remedy)
    message = f"{entry.processes} processes cannot share {nodes} node{'s' if nodes > 1 else ''}"
    return Finding(("sites", place, "processes"), message, f"write at most {nodes}")


def _homeless(missing: list[str]) -> str:
    some = ", ".join(missing[:_ALL_SHOWN])
    more = len(missing) - _ALL_SHOWN
    some += f" and {more:,} more" if more > 0 else ""
    return f"{some} {'is' if len(missing) == 1 else 'are'} at no site"


class _Where:
    """Finds the site of each node, by its place in the scenario."""

    def __init__(
        self, scenario: Scenario, names: tuple[str, ...], complete: bool, findings: list[Finding]
    ) -> None:
        self._scenario = scenario
        self._names = frozenset(names)
        self._complete = complete
        self._findings = findings
        self._where: dict[str, int] = {}
        self.mistaken = False
        """Whether somebody meant a site, or a node, that is not there."""

    def found(self) -> dict[str, int]:
        """By the name of the node."""
        for place, entry in enumerate(self._scenario.sites):
            for item, text in enumerate(entry.nodes):
                self._add(text, place, ("sites", place, "nodes", item))
        known = {entry.name: place for place, entry in enumerate(self._scenario.sites)}
        for item, node in enumerate(self._scenario.nodes):
            if node.site in known:
                self._put(node.name, known[node.site], ("nodes", item, "site"))
            elif node.site is not None and self._complete:
                self.mistaken = True
                meant = nearest(node.site, known)
                remedy = f"did you mean {shown(meant)}?" if meant else "name one of [[sites]]"
                message = f"there is no site {shown(node.site)}"
                self._findings.append(Finding(("nodes", item, "site"), message, remedy))
        return self._where

    def _add(self, text: str, place: int, path: Path) -> None:
        """What an entry of `nodes` stands for: the node of that name, or a range of them."""
        several = None if text in self._names else members(text)
        unknown = [name for name in several or [text] if name not in self._names]
        if unknown and self._complete:
            self.mistaken = True
            meant = nearest(unknown[0], self._names)
            remedy = f"did you mean {shown(meant)}?" if meant else 'write it as in "a" or "n1..n50"'
            self._findings.append(Finding(path, f"there is no node {shown(unknown[0])}", remedy))
        for name in several or [text]:
            if name in self._names:
                self._put(name, place, path)

    def _put(self, name: str, place: int, path: Path) -> None:
        before = self._where.setdefault(name, place)
        if before != place:
            other = shown(self._scenario.sites[before].name)
            message = f"{shown(name)} is at the site {other} too"
            self._findings.append(Finding(path, message, "say one of the two"))
