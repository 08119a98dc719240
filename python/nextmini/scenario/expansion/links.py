"""Links: those of the topology, changed or joined by those of the scenario."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nextmini.scenario.conflicts import apart_conflict, congestion_conflict, datagrams_conflict
from nextmini.scenario.expansion.directions import Directions, Layer
from nextmini.scenario.fields import MOST_LINKS
from nextmini.scenario.findings import Finding, Path, key_text
from nextmini.scenario.network import Link, link_transport, site_of
from nextmini.scenario.reachability import components
from nextmini.scenario.tables import LinkSettings
from nextmini.scenario.topology.shape import Generated
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from nextmini.scenario.expansion.nodes import Cast
    from nextmini.scenario.expansion.traces import TraceBook
    from nextmini.scenario.model import Scenario
    from nextmini.scenario.network import Node, Site, Transport
    from nextmini.scenario.tables import LinkEntry
    from nextmini.scenario.topology import Shape

Pair = tuple[int, int]


@dataclass(frozen=True)
class Web:
    """All links, and which pairs they join; `complete` is False if some could not be understood."""

    links: tuple[Link, ...]
    nodes: int
    complete: bool
    apart: frozenset[int] = frozenset()
    """Those between sites, by number."""

    @cached_property
    def pairs(self) -> frozenset[Pair]:
        """The pairs that are joined, in both directions."""
        return frozenset((link.a, link.b) for link in self.links) | {(link.b, link.a) for link in self.links}

    @cached_property
    def parts(self) -> list[int]:
        """For each node, counted from 0, the part of the network that it belongs to."""
        return components(self.nodes, [(link.a - 1, link.b - 1) for link in self.links])

    def reaches(self, one: int, other: int) -> bool:
        """Whether there is any path between two nodes (always so if not all links are known)."""
        return not self.complete or self.parts[one - 1] == self.parts[other - 1]


def expand_links(
    scenario: Scenario, shape: Shape, cast: Cast, book: TraceBook, complete: bool, findings: list[Finding]
) -> Web:
    """All links of the scenario, numbered from 1: the topology's, then those that it adds."""
    topology = scenario.topology
    generated = Layer(
        topology.link if isinstance(topology, Generated) else LinkSettings(), ("topology", "link")
    )
    layers: dict[Pair, list[Layer]] = {(a + 1, b + 1): [generated] for a, b in shape.edges}
    for said, settings in zip(layers.values(), shape.settings or (), strict=False):
        said.append(Layer(settings, ("topology", "path")))
    origins: dict[Pair, Path] = {}
    for place, entry in enumerate(scenario.links):
        pair = _ends(entry, place, cast, findings)
        if pair is None:
            continue
        known = pair[::-1] if pair[::-1] in layers else pair
        if known in origins:
            _again(entry, place, origins[known], findings)
            continue
        origins[known] = ("links", place)
        layers[known] = [*layers.get(known, []), Layer(entry, ("links", place), known != pair)]
    if len(layers) > MOST_LINKS:
        findings.append(Finding(("links",), f"there are {len(layers):,} links", f"keep to {MOST_LINKS:,}"))
    directions = Directions(scenario.network.mtu, book, findings)
    links = tuple(_links(scenario, cast, layers, directions, findings))
    apart = frozenset(link.id for link in links if _apart(cast, link))
    web = Web(links, len(cast.nodes), complete and cast.complete, apart)
    if web.complete and scenario.network.datagrams and all(link.transport != "quic" for link in links):
        remedy = 'write transport = "quic" too, here or for a link'
        findings.append(Finding(("network", "datagrams"), "no link is a QUIC connection", remedy))
    return web


def _ends(entry: LinkEntry, place: int, cast: Cast, findings: list[Finding]) -> Pair | None:
    if entry.ends[0] == entry.ends[1]:
        path = ("links", place, "ends")
        findings.append(Finding(path, f"this link joins {shown(entry.ends[0])} to itself", "name two nodes"))
        return None
    ends = [cast.number(name, ("links", place, "ends", end), findings) for end, name in enumerate(entry.ends)]
    return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])


def _again(entry: LinkEntry, place: int, first: Path, findings: list[Finding]) -> None:
    message = f"{shown(entry.ends[0])} and {shown(entry.ends[1])} are already joined by {key_text(first)}"
    findings.append(Finding(("links", place, "ends"), message, "keep one of the two"))


def _said(layers: list[Layer], key: str) -> tuple[Any, Path | None]:
    """What is said of a key that both directions share, and where; nowhere if it is as usual."""
    for layer in reversed(layers):
        if key in layer.settings.model_fields_set:
            return getattr(layer.settings, key), (*layer.path, key)
    return LinkSettings.model_fields[key].default, None


class _Blame:
    """Tells of what is wrong at each place once, however many links it is of."""

    def __init__(self, findings: list[Finding]) -> None:
        self._findings = findings
        self._blamed: set[Path] = set()

    def __call__(self, path: Path, message: str, remedy: str) -> None:
        if path not in self._blamed:
            self._blamed.add(path)
            self._findings.append(Finding(path, message, remedy))


def _links(
    scenario: Scenario,
    cast: Cast,
    layers: dict[Pair, list[Layer]],
    directions: Directions,
    findings: list[Finding],
) -> list[Link]:
    links: list[Link] = []
    blame = _Blame(findings)
    for number, (pair, said) in enumerate(layers.items(), 1):
        ends = (cast.nodes[pair[0] - 1], cast.nodes[pair[1] - 1])
        transport = _transport(scenario, cast, ends, said, blame)
        forward, backward = directions.of(said)
        links.append(
            Link(
                id=number,
                a=pair[0],
                b=pair[1],
                transport=transport,
                cost=_said(said, "cost")[0],
                congestion=_congestion(transport, said, blame),
                mtu=scenario.network.mtu,
                forward=forward,
                backward=backward,
                datagrams=_datagrams(scenario, transport, said, blame),
            )
        )
    return links


def _transport(
    scenario: Scenario, cast: Cast, ends: tuple[Node, Node], said: list[Layer], blame: _Blame
) -> Transport:
    """What carries a link between these nodes."""
    one, other = ends
    transport, path = _said(said, "transport")
    asked = transport or scenario.network.transport
    place = ("network", "transport") if transport is None or path is None else path
    between = _between(cast, ends)
    if between is not None:
        _check_between(asked, ends, between, place, blame)
    elif asked == "memory" and one.process != other.process:
        blame(
            place,
            f"memory cannot carry the link from {shown(one.name)} in process {one.process + 1} "
            f"to {shown(other.name)} in process {other.process + 1}",
            'write transport = "auto", or processes = 1 under [experiment]',
        )
    return link_transport(asked, one.process, other.process, cast.sites)


def _between(cast: Cast, ends: tuple[Node, Node]) -> tuple[Site, Site] | None:
    """The sites of two nodes, if these are not in one."""
    one, other = (site_of(node.process, cast.sites) for node in ends)
    return None if one is None or other is None or one == other else (one, other)


def _apart(cast: Cast, link: Link) -> bool:
    return bool(cast.sites) and _between(cast, (cast.nodes[link.a - 1], cast.nodes[link.b - 1])) is not None


def _check_between(
    asked: str, ends: tuple[Node, Node], sites: tuple[Site, Site], place: Path, blame: _Blame
) -> None:
    """A link between sites is encrypted, and one of its ends can reach the other one."""
    one, other = ends
    conflict = apart_conflict(asked)
    if conflict is not None:
        blame(
            place,
            f"the link from {shown(one.name)} to {shown(other.name)}: {conflict.message}",
            conflict.remedy,
        )
    names = sorted(site.name for site in sites)
    if all(site.public is None for site in sites):
        blame(
            ("sites",),
            f"neither of {shown(names[0])} and {shown(names[1])} has an address that the other reaches, and "
            f"the link from {shown(one.name)} to {shown(other.name)} joins them",
            'write public = "192.0.2.7" for one of them, or join both to a third site that has one',
        )


def _congestion(transport: Transport, said: list[Layer], blame: _Blame) -> str:
    congestion, path = _said(said, "congestion")
    conflict = congestion_conflict(transport, congestion)
    if conflict is not None and path is not None:
        blame(path, conflict.message, conflict.remedy)
    return str(congestion)


def _datagrams(scenario: Scenario, transport: Transport, said: list[Layer], blame: _Blame) -> bool:
    datagrams, path = _said(said, "datagrams")
    if datagrams is None or path is None:
        return scenario.network.datagrams and transport == "quic"
    conflict = datagrams_conflict(transport, datagrams)
    if conflict is not None:
        blame(path, conflict.message, conflict.remedy)
    return bool(datagrams)
