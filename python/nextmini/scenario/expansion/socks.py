"""Entrances for programs outside of the network: each at a node that is there, at an address of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nextmini.scenario.expansion.max_links import enclosed
from nextmini.scenario.findings import Finding, Path, key_text
from nextmini.scenario.network import Socks
from nextmini.scenario.socks_table import MOST_ENTRANCES, listen_parts
from nextmini.scenario.users import MOST_USERS
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from nextmini.scenario.expansion.links import Web
    from nextmini.scenario.expansion.nodes import Cast
    from nextmini.scenario.model import Scenario
    from nextmini.scenario.network import Node
    from nextmini.scenario.socks_table import SocksEntry


@dataclass(frozen=True, slots=True)
class _Ground:
    """What entrances are at, and where findings go."""

    scenario: Scenario
    cast: Cast
    web: Web
    findings: list[Finding]

    @property
    def apart(self) -> bool:
        """Whether nodes have networks of their own."""
        return self.scenario.network.isolation != "none"

    def blame(self, path: Path, message: str, remedy: str) -> None:
        self.findings.append(Finding(path, message, remedy))


def expand_socks(
    scenario: Scenario, cast: Cast, web: Web, complete: bool, findings: list[Finding]
) -> tuple[Node, ...]:
    """All nodes, with their entrances; not `complete`: some could not be understood."""
    ground = _Ground(scenario, cast, web, findings)
    entrances: dict[int, list[Socks]] = {}
    for place, entry in enumerate(scenario.socks):
        node = cast.number(entry.node, ("socks", place, "node"), findings)
        leaves = None
        if entry.exit is not None:
            leaves = cast.number(entry.exit, ("socks", place, "exit"), findings)
        if node is None:
            continue
        _check_listen(ground, entry, place, cast.nodes[node - 1])
        entrances.setdefault(node, []).append(_entrance(entry, leaves))
    if complete:
        _check_apart(ground)
    _check_links(ground)
    _check_numbers(ground, entrances)
    return tuple(replace(node, socks=tuple(entrances.get(node.id, ()))) for node in cast.nodes)


def _entrance(entry: SocksEntry, leaves: int | None) -> Socks:
    return Socks(
        listen=entry.listen,
        mode=entry.mode,
        exit=leaves,
        users=() if entry.users is None else entry.users.credentials,
        connections=entry.connections,
        users_file=None if entry.users is None else entry.users.file,
    )


def _check_listen(ground: _Ground, entry: SocksEntry, place: int, node: Node) -> None:
    """It can listen there."""
    path = ("socks", place, "listen")
    address, port = listen_parts(entry.listen)
    if not ground.apart and not address.is_loopback:
        message = f"{entry.listen} is not a loopback address, and nodes have no network of their own"
        remedy = f'write "127.0.0.1:{port}", or isolation = "namespace" under [network]'
        ground.blame(path, message, remedy)
    if ground.apart and port == node.transparent:
        message = f"port {port} of {shown(node.name)} is taken: it is transparent"
        ground.blame(path, message, "choose another port, or let the node not be transparent")


def _check_apart(ground: _Ground) -> None:
    """No two listen at the same place."""
    taken: dict[tuple[str, int], list[int]] = {}
    for place, entry in enumerate(ground.scenario.socks):
        address, port = listen_parts(entry.listen)
        others = taken.setdefault((entry.node if ground.apart else "", port), [])
        for other in others:
            there, _ = listen_parts(ground.scenario.socks[other].listen)
            if address == there or address.is_unspecified or there.is_unspecified:
                where = "in this node" if ground.apart else "on this machine, which nodes share"
                message = f"{key_text(('socks', other))} listens at this address and port too, {where}"
                ground.blame(("socks", place, "listen"), message, "give each a port of its own")
                break
        others.append(place)


def _check_links(ground: _Ground) -> None:
    """Something in max mode can leave their nodes over a link, if it has to."""
    chosen = [(place, entry) for place, entry in enumerate(ground.scenario.socks) if entry.mode == "max"]
    if not chosen or not ground.web.complete:
        return
    shut = enclosed(ground.web)
    names = [node.name for node in ground.cast.nodes]
    for place, entry in chosen:
        why = shut.get(ground.cast.numbers.get(entry.node, 0))
        if why is None or entry.exit == entry.node:
            continue
        link, key = why
        ends = f"{names[link.a - 1]} - {names[link.b - 1]}"
        message = f"in max mode nothing can leave {entry.node}: the link {ends} is asked for `{key}`"
        ground.blame(("socks", place, "mode"), message, f'write mode = "normal", or take `{key}` away')


def _check_numbers(ground: _Ground, entrances: dict[int, list[Socks]]) -> None:
    """A process can be told of all entrances of a node at once."""
    for node, there in entrances.items():
        users = sum(len(one.users) for one in there)
        name = shown(ground.cast.nodes[node - 1].name)
        if len(there) > MOST_ENTRANCES:
            message = f"{name} has {len(there):,} entrances"
            ground.blame(("socks",), message, f"keep to {MOST_ENTRANCES} for each node")
        if users > MOST_USERS:
            message = f"the entrances of {name} have {users:,} users"
            ground.blame(("socks",), message, f"keep to {MOST_USERS:,} for each node")
