"""Nodes and links that come and go while an experiment runs."""

from __future__ import annotations

import tomllib
from collections import Counter
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from nextmini.errors import RunError
from nextmini.live.choice import LiveError
from nextmini.live.new_links import new_link
from nextmini.live.session import find_link, find_node, until_confirmed
from nextmini.scenario import Node
from nextmini.scenario.fields import MOST_HOPS, NodeName
from nextmini.scenario.max_table import REDIRECTED_PORT
from nextmini.store import LinkState, NodeState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nextmini.scenario.network import Placed
    from nextmini.store import Actual, Desired
    from nextmini.store.live import LiveStore

S = TypeVar("S", NodeState, LinkState)


async def add_node(store: LiveStore, run: str, name: str, address: str | None = None) -> dict[str, Any]:
    """Adds a node without links, and waits until it is there; returns its name, addresses and process.

    Without an address it has the next one that is free. Raises LiveError if there can be no such node,
    RunError if it does not come to be.
    """
    _check_name(name)
    scenario = tomllib.loads(await store.scenario(run))
    desired = await store.desired()
    if any(node.name == name for node in desired.nodes.values()):
        raise LiveError(f"there is a node {name!r} already", "give this one another name")
    node = await store.add_node(_new_node(desired, scenario, name, address))
    state = await _there(store, NodeState, node.id, f"node {name}")
    if state.status != "up":
        await store.remove_nodes([node.id])
        raise RunError(f"node {name} cannot be: {state.reason}")
    return {
        "name": node.name,
        "address": node.address,
        "address6": node.address6,
        "process": node.process,
    }


async def remove_node(store: LiveStore, name: str) -> None:
    """Takes a node away with its links, and waits until it is gone.

    Programs inside it end. Raises LiveError if there is no such node.
    """
    node = find_node(await store.desired(), name)
    await store.remove_nodes([node.id])
    await _gone(store, NodeState, node.id, f"node {name}")


async def add_link(
    store: LiveStore, a: str, b: str, said: Mapping[str, Any], sites: Sequence[Placed] = ()
) -> dict[str, Any]:
    """Joins two nodes, and waits until that is in force.

    `said` are keys of a link in a scenario, `sites` where its processes are.

    Raises LiveError if they are joined already, ScenarioError if the link cannot be so, RunError if it does
    not come to be.
    """
    link = await store.add_link(new_link(await store.desired(), a, b, said, sites))
    state = await _there(store, LinkState, link.id, f"link {a} - {b}")
    if state.status != "up":
        await store.remove_links([link.id])
        raise RunError(f"link {a} - {b} cannot be: {state.reason}")
    carried = {"transport": link.transport, "datagrams": link.datagrams}
    return {"link": [a, b], **carried, "settings": link.forward.texts()}


async def remove_link(store: LiveStore, a: str, b: str) -> None:
    """Takes a link away, and waits until it is gone. Raises LiveError if there is none."""
    link = find_link(await store.desired(), a, b)
    await store.remove_links([link.id])
    await _gone(store, LinkState, link.id, f"link {a} - {b}")


def node_entries(desired: Desired, actual: Actual) -> list[dict[str, Any]]:
    """All nodes, in the order of their numbers."""
    entries = []
    for id, node in sorted(desired.nodes.items()):
        state = actual.nodes.get(id)
        entries.append(
            {
                "name": node.name,
                "address": node.address,
                "address6": node.address6,
                "process": node.process,
                "status": state.status if state else "pending",
                "reason": state.reason if state else None,
            }
        )
    return entries


def _check_name(name: str) -> None:
    try:
        TypeAdapter(NodeName).validate_python(name)
    except ValidationError as error:
        first = error.errors()[0]
        raise LiveError(first["msg"], first.get("ctx", {}).get("remedy")) from None


def _new_node(desired: Desired, scenario: Mapping[str, Any], name: str, address: str | None) -> Node:
    """A node like the others, in the process that has the fewest."""
    network, max_mode = scenario["network"], scenario["max"]
    prefix, prefix6 = IPv4Network(network["prefix"]), IPv6Network(network["prefix6"])
    known = list(desired.nodes.values())
    taken = {int(IPv4Address(node.address)) for node in known}
    taken6 = {int(IPv6Address(node.address6)) for node in known if node.address6}
    first, first6 = int(prefix.network_address), int(prefix6.network_address)
    places = range(1, prefix.num_addresses - 1)
    free = next(
        (place for place in places if first + place not in taken and first6 + place not in taken6), None
    )
    if free is None:
        raise LiveError(f"{prefix} has no address that is free", "remove a node")
    given = str(IPv4Address(first + free)) if address is None else _checked(address, prefix, taken)
    hosted = Counter(node.process for node in known)
    like = known[0] if known else None
    return Node(
        id=0,
        name=name,
        address=given,
        processors=like.processors if like else 1,
        mapping=like.mapping if like else network["mapping"],
        hop_limit=min(max(network["hop_limit"], len(known) + 1), MOST_HOPS),
        process=min(hosted, key=lambda process: (hosted[process], process), default=0),
        address6=str(IPv6Address(first6 + free)),
        transparent=REDIRECTED_PORT if max_mode["transparent"] else None,
        transparent_ports=tuple(max_mode["ports"]) if "ports" in max_mode else None,
    )


def _checked(address: str, prefix: IPv4Network, taken: set[int]) -> str:
    try:
        found = IPv4Address(address)
    except ValueError:
        raise LiveError(f"{address!r} is not an IPv4 address", 'write it as in "10.0.0.7"') from None
    if found not in prefix:
        raise LiveError(f"{address} is outside of the network's prefix, {prefix}", "choose one inside")
    if int(found) in taken:
        raise LiveError(f"{address} is the address of another node", "choose another one")
    return str(found)


async def _there(store: LiveStore, kind: type[S], id: int, what: str) -> S:
    """The state of something new, once it is known whether it can be."""

    async def look() -> S | None:
        state = await store.state(kind, id)
        return state if state is not None and state.status not in ("pending", "down") else None

    state, _ = await until_confirmed(store, look, what)
    return state


async def _gone(store: LiveStore, kind: type[S], id: int, what: str) -> None:
    async def look() -> bool | None:
        return True if await store.state(kind, id) is None else None

    await until_confirmed(store, look, f"the end of {what}")
