"""Nodes: names from the topology or from their entries, addresses from the prefix, processes in blocks."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Any

from nextmini.scenario.expansion.sites import expand_sites
from nextmini.scenario.expansion.transparent import transparency
from nextmini.scenario.fields import MOST_HOPS
from nextmini.scenario.findings import Finding, Path, key_text
from nextmini.scenario.max_table import REDIRECTED_PORT
from nextmini.scenario.network import Limits, Node, process_of
from nextmini.scenario.wording import nearest, shown

if TYPE_CHECKING:
    from nextmini.scenario.limits_table import LimitsTable
    from nextmini.scenario.model import Scenario
    from nextmini.scenario.network import Site
    from nextmini.scenario.tables import NodeEntry
    from nextmini.scenario.topology import Shape


@dataclass(frozen=True, slots=True)
class Cast:
    """All nodes, and their numbers by name; `complete` is False if some could not be understood."""

    nodes: tuple[Node, ...]
    numbers: dict[str, int]
    complete: bool
    sites: tuple[Site, ...] = ()

    def number(self, name: str, path: Path, findings: list[Finding]) -> int | None:
        """The number of the node that is named at `path`, or None and a finding if there is none."""
        number = self.numbers.get(name)
        if number is None and self.complete:
            meant = nearest(name, self.numbers)
            remedy = f"did you mean {shown(meant)}?" if meant else f"the nodes are {self._some()}"
            findings.append(Finding(path, f"there is no node {shown(name)}", remedy))
        return number

    def _some(self) -> str:
        names = list(self.numbers)
        return ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:3])}, ... {names[-1]}"


def usual_hop_limit(nodes: int) -> int:
    """Links that a packet may cross in a network of so many nodes, where nothing is said."""
    return min(max(1, nodes), MOST_HOPS)


def expand_nodes(
    scenario: Scenario, shape: Shape, complete: bool, sited: bool, findings: list[Finding]
) -> Cast:
    """All nodes of the scenario, numbered from 1; `sited` is False if some site could not be understood."""
    entries = _entries(scenario, shape, complete, findings)
    names = shape.names or tuple(entries)
    if not names and complete:
        findings.append(
            Finding(
                ("topology",), "there are no nodes", 'write nodes = 4 or nodes = ["a", "b"] under [topology]'
            )
        )
    _check_processes(scenario, len(names), complete, findings)
    addresses = _addresses(scenario, names, entries, findings)
    seating = expand_sites(scenario, names, complete and sited, findings)
    count = processes_of(scenario, len(names))
    network = scenario.network
    first6 = int(IPv6Network(network.prefix6).network_address)
    hop_limit = network.hop_limit or usual_hop_limit(len(names))
    nodes = []
    for number, name in enumerate(names, 1):
        entry = entries.get(name)
        transparent, ports = transparency(scenario.max, entry)
        nodes.append(
            Node(
                id=number,
                name=name,
                address=addresses[number - 1],
                processors=(entry and entry.processors) or network.processors,
                mapping=network.mapping,
                hop_limit=hop_limit,
                process=seating.seats[name] if seating.sites else process_of(number, len(names), count),
                address6=str(IPv6Address(first6 + number)),
                transparent=REDIRECTED_PORT if transparent else None,
                transparent_ports=ports,
                limits=_limits(network.limits, entry),
            )
        )
    return Cast(
        tuple(nodes), {node.name: node.id for node in nodes}, complete, seating.sites if sited else ()
    )


def _limits(usual: LimitsTable | None, entry: NodeEntry | None) -> Limits:
    """The node's own, and what it says nothing of as usual."""
    said: dict[str, Any] = {}
    for table in (usual, entry and entry.limits):
        if table is not None:
            said |= table.model_dump(exclude_none=True)
    return Limits(**said)


def _entries(
    scenario: Scenario, shape: Shape, complete: bool, findings: list[Finding]
) -> dict[str, NodeEntry]:
    known = set(shape.names)
    entries: dict[str, NodeEntry] = {}
    places: dict[str, int] = {}
    for place, entry in enumerate(scenario.nodes):
        path = ("nodes", place, "name")
        if entry.name in entries:
            first = key_text(("nodes", places[entry.name]))
            findings.append(
                Finding(path, f"{shown(entry.name)} is also the name of {first}", "keep one of them")
            )
            continue
        if known and entry.name not in known and complete:
            meant = nearest(entry.name, known)
            remedy = f"did you mean {shown(meant)}?" if meant else "remove it, or add it to the topology"
            findings.append(Finding(path, f"the topology has no node {shown(entry.name)}", remedy))
            continue
        entries[entry.name] = entry
        places[entry.name] = place
    return entries


def processes_of(scenario: Scenario, nodes: int) -> int:
    """How many dataplane processes there are."""
    if scenario.sites:
        return sum(site.processes for site in scenario.sites)
    return nodes if scenario.network.isolation == "process" else scenario.experiment.processes


def _check_processes(scenario: Scenario, nodes: int, complete: bool, findings: list[Finding]) -> None:
    processes = scenario.experiment.processes
    if complete and scenario.network.isolation == "process" and processes not in (1, nodes):
        findings.append(
            Finding(
                ("experiment", "processes"),
                f'with isolation = "process" each of the {nodes} nodes has one, which is not {processes}',
                "leave `processes` out",
            )
        )
    if complete and 0 < nodes < processes and not scenario.sites:
        findings.append(
            Finding(
                ("experiment", "processes"),
                f"{processes} processes cannot share {nodes} node{'s' if nodes > 1 else ''}",
                f"write at most {nodes}",
            )
        )


def _addresses(
    scenario: Scenario, names: tuple[str, ...], entries: dict[str, NodeEntry], findings: list[Finding]
) -> list[str]:
    """The i-th address of the prefix for node i, or the one that its entry gives it."""
    prefix = IPv4Network(scenario.network.prefix)
    prefix6 = IPv6Network(scenario.network.prefix6)
    for key, room in (("prefix", prefix.num_addresses - 2), ("prefix6", prefix6.num_addresses - 1)):
        if len(names) > room:
            findings.append(
                Finding(
                    ("network", key),
                    f"this prefix has room for {max(0, room):,} nodes, and there are {len(names):,}",
                    "write a shorter prefix",
                )
            )
            return [""] * len(names)
    first = int(prefix.network_address)
    addresses = [str(IPv4Address(first + number)) for number in range(1, len(names) + 1)]
    given = {name: entry.address for name, entry in entries.items() if entry.address is not None}
    if given:
        for index, name in enumerate(names):
            addresses[index] = given.get(name, addresses[index])
        _check_given(scenario, prefix, names, addresses, findings)
    return addresses


def _check_given(
    scenario: Scenario,
    prefix: IPv4Network,
    names: tuple[str, ...],
    addresses: list[str],
    findings: list[Finding],
) -> None:
    owners: dict[str, list[str]] = {}
    for name, address in zip(names, addresses, strict=True):
        owners.setdefault(address, []).append(name)
    for place, entry in enumerate(scenario.nodes):
        path = ("nodes", place, "address")
        if entry.address is None:
            continue
        if IPv4Address(entry.address) not in prefix:
            findings.append(
                Finding(path, f"{entry.address} is outside of network.prefix, {prefix}", "choose one inside")
            )
        others = [name for name in owners.get(entry.address, []) if name != entry.name]
        if others:
            findings.append(
                Finding(
                    path, f"{entry.address} is the address of {shown(others[0])} too", "choose another one"
                )
            )
