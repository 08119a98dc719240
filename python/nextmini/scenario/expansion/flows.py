"""Flows: one by one, or generated between pairs; each must be able to arrive, and to end."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.scenario.arrival import CONSTANT
from nextmini.scenario.demand_table import MOST_FLOWS
from nextmini.scenario.draws import Draws
from nextmini.scenario.expansion.max_links import MaxLinks
from nextmini.scenario.findings import Finding, Path, key_text
from nextmini.scenario.network import PACKET_KINDS, UDP_HEADERS, Flow, usual_payload
from nextmini.scenario.units import format_time
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nextmini.scenario.expansion.links import Web
    from nextmini.scenario.expansion.nodes import Cast
    from nextmini.scenario.expansion.ways import Ways
    from nextmini.scenario.model import Scenario
    from nextmini.scenario.network import Route
    from nextmini.scenario.tables import FlowEntry

_KINDS_WITH = {
    "weight": ("lossless", "udp", "icmp"),
    "packet_size": PACKET_KINDS,
    "arrival": PACKET_KINDS,
    "ecn": ("udp",),
    "congestion": ("tcp",),
    "family": ("tcp",),
}
"""Kinds of flows that a key goes with, first the one that messages propose; other keys go with all."""

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Ground:
    """What flows are laid over, and where findings go; `hosts` are the nodes that generated flows join."""

    scenario: Scenario
    cast: Cast
    web: Web
    hosts: list[int]
    ways: Ways
    max_links: MaxLinks
    findings: list[Finding]

    def blame(self, path: Path, message: str, remedy: str) -> None:
        self.findings.append(Finding(path, message, remedy))


@dataclass(frozen=True, slots=True)
class FlowBook:
    """All flows of `[[flows]]`, and the numbers of those that name a demand, by its name."""

    flows: tuple[Flow, ...]
    demands: Mapping[str, tuple[int, ...]]


def expand_flows(
    scenario: Scenario,
    hosts: list[int],
    cast: Cast,
    web: Web,
    routes: tuple[Route, ...],
    ways: Ways,
    findings: list[Finding],
) -> FlowBook:
    """The flows of `[[flows]]`, numbered from 1; `hosts` are the nodes that generated ones join."""
    ground = _Ground(scenario, cast, web, hosts, ways, MaxLinks(web, routes), findings)
    members: defaultdict[str, list[int]] = defaultdict(list)
    flows: list[Flow] = []
    origins: dict[str, Path] = {}
    for place, entry in enumerate(scenario.flows):
        _check_end(ground, entry, place)
        _check_kind(ground, entry, place)
        pairs = _single(ground, entry, place) if entry.between is None else _generated(ground, entry, place)
        if len(flows) + len(pairs) > MOST_FLOWS:
            ground.blame(("flows", place), "there are too many flows", f"keep to {MOST_FLOWS:,}")
            break
        _check_pairs(ground, entry, place, pairs)
        for name, pair in zip(_names(entry, place, len(pairs)), pairs, strict=True):
            if name in origins:
                message = f"{shown(name)} is also the name of a flow of {key_text(origins[name])}"
                ground.blame(("flows", place, "name"), message, "give each flow a name of its own")
                break
            origins[name] = ("flows", place)
            flows.append(_flow(len(flows) + 1, name, pair, entry, scenario.network.mtu))
            if entry.demand is not None:
                members[entry.demand].append(len(flows))
    return FlowBook(tuple(flows), {demand: tuple(numbers) for demand, numbers in members.items()})


def _flow(number: int, name: str, pair: Pair, entry: FlowEntry, mtu: int) -> Flow:
    usual = usual_payload(entry.kind, mtu)
    return Flow(
        id=number,
        name=name,
        source=pair[0],
        destination=pair[1],
        kind=entry.kind,
        mode=entry.mode,
        size=entry.size,
        duration=entry.duration,
        rate=entry.rate,
        weight=entry.weight,
        start=entry.start,
        packet_size=usual if usual is None else entry.packet_size or usual,
        arrival=entry.arrival or CONSTANT,
        ecn=entry.ecn,
        congestion=entry.congestion if entry.kind == "tcp" else None,
        family=entry.family if entry.kind == "tcp" else None,
    )


def _names(entry: FlowEntry, place: int, count: int) -> Iterator[str]:
    name = entry.name or f"flow-{place + 1}"
    if entry.between is None and entry.count is None:
        return iter([name] * count)
    return (f"{name}-{number}" for number in range(1, count + 1))


def _check_end(ground: _Ground, entry: FlowEntry, place: int) -> None:
    """A flow begins and ends within the experiment."""
    duration = ground.scenario.experiment.duration
    if entry.size is not None and entry.duration is not None:
        ground.blame(("flows", place, "duration"), "this flow has a size too", "keep one of the two")
    if entry.size is None and entry.duration is None and duration is None:
        remedy = 'write size = "20 MB" or duration = "5 s", or a duration under [experiment]'
        ground.blame(("flows", place), "this flow would never end", remedy)
    if duration is not None and entry.start >= duration:
        message = f"{format_time(entry.start)} is after the end of the experiment, {format_time(duration)}"
        ground.blame(("flows", place, "start"), message, "let the flow start before")


def _check_kind(ground: _Ground, entry: FlowEntry, place: int) -> None:
    """A flow has no keys but those of its kind; flows of packets need a rate."""
    for key, kinds in _KINDS_WITH.items():
        if key in entry.model_fields_set and entry.kind not in kinds:
            remedy = f'remove it, or write kind = "{kinds[0]}"'
            ground.blame(("flows", place, key), f'does not go with kind = "{entry.kind}"', remedy)
    if entry.mode == "max" and entry.kind != "lossless":
        message = f'does not go with kind = "{entry.kind}"'
        ground.blame(("flows", place, "mode"), message, "remove it: max mode is for lossless flows")
    if entry.kind not in PACKET_KINDS:
        return
    if entry.kind == "icmp" and ground.scenario.network.isolation != "none":
        message = "in network namespaces the kernel hears the replies to pings, and no flow does"
        ground.blame(("flows", place, "kind"), message, 'run `ping` inside a node, or write kind = "udp"')
    if entry.rate is None:
        remedy = 'write how fast it sends, as in rate = "5 Mbit/s"'
        ground.blame(("flows", place, "rate"), "is missing", remedy)
    room = ground.scenario.network.mtu - UDP_HEADERS
    if entry.packet_size is not None and entry.packet_size > room:
        message = f"{entry.packet_size:,} bytes and {UDP_HEADERS} of headers are more than network.mtu"
        ground.blame(("flows", place, "packet_size"), message, f"write at most {room}")


def _single(ground: _Ground, entry: FlowEntry, place: int) -> list[Pair]:
    """The pair of an entry that names it, once for each of its flows."""
    before = len(ground.findings)
    ends: list[int] = []
    for key, name in (("source", entry.source), ("destination", entry.destination)):
        path = ("flows", place, key)
        if name is None:
            ground.blame(path, "is missing", f'write {key} = "..." with the name of a node')
            continue
        number = ground.cast.number(name, path, ground.findings)
        ends += [] if number is None else [number]
    if len(ends) < 2 or len(ground.findings) > before:
        return []
    if ends[0] == ends[1]:
        message = f"this flow goes from {shown(entry.source)} to itself"
        ground.blame(("flows", place, "destination"), message, "choose another destination")
        return []
    return [(ends[0], ends[1])] * (1 if entry.count is None else entry.count)


def _generated(ground: _Ground, entry: FlowEntry, place: int) -> list[Pair]:
    """The pairs that an entry with `between` makes.

    Of n hosts there are n (n - 1) ordered pairs. The source of pair p is p // (n - 1); the remainder
    counts the others.
    """
    others = len(ground.hosts) - 1
    total = len(ground.hosts) * others
    if not _can_generate(ground, entry, place, total):
        return []
    if entry.between == "all_pairs":
        chosen = list(range(total))
    else:
        draws = Draws(ground.scenario.experiment.seed, "flows", place)
        rounds, rest = divmod(entry.count or 0, total)
        chosen = [pick for _ in range(rounds) for pick in draws.sample(total, total)]
        chosen += draws.sample(rest, total)
    ends = (divmod(pick, others) for pick in chosen)
    return [(ground.hosts[one], ground.hosts[other + (other >= one)]) for one, other in ends]


def _can_generate(ground: _Ground, entry: FlowEntry, place: int, total: int) -> bool:
    before = len(ground.findings)
    for key in ("source", "destination"):
        if getattr(entry, key) is not None:
            message = "does not go with `between`, which chooses the nodes"
            ground.blame(("flows", place, key), message, "remove one of the two")
    if entry.between == "random" and entry.count is None:
        ground.blame(
            ("flows", place, "count"), "is missing", "write how many flows there are, as in count = 100"
        )
    if entry.between == "all_pairs" and entry.count is not None:
        ground.blame(("flows", place, "count"), "goes with random pairs only", "remove it")
    if entry.between == "all_pairs" and total > MOST_FLOWS:
        message = f"{len(ground.hosts):,} nodes have {total:,} pairs"
        ground.blame(("flows", place, "between"), message, f"keep to {MOST_FLOWS:,} flows")
    if total == 0 and ground.cast.complete:
        message = "there is only one node that a flow can have"
        ground.blame(("flows", place, "between"), message, "give the topology more nodes")
    return len(ground.findings) == before and total > 0


def _check_pairs(ground: _Ground, entry: FlowEntry, place: int, pairs: list[Pair]) -> None:
    """Every pair is connected, over no more links than the hop limit; one finding an entry is enough."""
    where = ("flows", place, "destination" if entry.between is None else "between")
    for source, destination in pairs:
        why = ground.ways.blocked(source, destination)
        if why is not None:
            ground.blame(where, *why)
            return
        refused = ground.max_links.refused(source, destination) if entry.mode == "max" else None
        if refused is not None:
            link, key = refused
            ends = f"{ground.cast.nodes[link.a - 1].name} - {ground.cast.nodes[link.b - 1].name}"
            names = ground.ways.ends(source, destination)
            message = f"the way from {names} may be over the link {ends}, which is asked for `{key}`"
            remedy = f'write mode = "normal": in max mode links have rates only; or take `{key}` away'
            ground.blame(("flows", place, "mode"), message, remedy)
            return
