"""What is to be told of a running experiment, as documents."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from nextmini.errors import DatabaseError
from nextmini.live.session import database, session
from nextmini.store.live import sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nextmini.scenario import Flow
    from nextmini.store import (
        Actual,
        Desired,
        LinkMetric,
        LinkState,
        NodeState,
        RegisteredSite,
        Registration,
        RouteState,
        StateFolder,
    )
    from nextmini.store.live import RecentFlow, Sizes

    RowState = NodeState | LinkState | RouteState

LATELY = timedelta(seconds=10)
"""What rates of flows are taken over, if there are measurements that often."""
IN_FORCE = ("up", "installed")


async def overview(state: StateFolder, running: Sequence[Registration]) -> list[dict[str, Any]]:
    """What runs: one document for each experiment. Sizes are None while they cannot be known."""
    counted: dict[str, Sizes] = {}
    for url in {found.database_url for found in running if found.ready}:
        same = [found for found in running if found.ready and found.database_url == url]
        try:
            async with database(state, same[0]) as dsn:
                counted |= await sizes(dsn, [found.name for found in same])
        except DatabaseError:
            continue  # its own process is about to find that too
    return [_entry(found, counted.get(found.name)) for found in running]


def _entry(found: Registration, size: Sizes | None) -> dict[str, Any]:
    return {
        "experiment": found.name,
        "how": found.how,
        "status": "running" if found.ready else "starting",
        "since": found.started,
        "nodes": size.nodes if size else None,
        "links": size.links if size else None,
        "flows": size.flows if size else None,
        "run": found.run,
        "folder": found.folder,
        "pid": found.pid,
    }


async def status(state: StateFolder, found: Registration) -> dict[str, Any]:
    """Where an experiment stands; of one that is still starting no more than that. Raises DatabaseError."""
    document = heading(found)
    if not found.ready:
        return document
    async with session(state, found) as store:
        desired, actual = await store.desired(), await store.states()
        recent = await store.recent_flows(found.run, LATELY)
        algorithms = await store.algorithm_states()
        paths = await store.paths(found.run) if found.sites else []
    return {
        **document,
        **network_entries(desired, actual),
        "sites": site_entries(found.sites, desired, actual),
        "paths": path_entries(paths, desired),
        "flows": flow_entries(desired, actual, recent),
        "algorithms": [asdict(state) for state in algorithms],
    }


def heading(found: Registration, status: str | None = None) -> dict[str, Any]:
    """What is known of an experiment without its database; `status` of one that is over is the run's."""
    now = datetime.now().astimezone()
    return {
        "experiment": found.name,
        "how": found.how,
        "status": status or ("running" if found.ready else "starting"),
        "since": found.started,
        "seconds": round((now - datetime.fromisoformat(found.started)).total_seconds(), 3),
        "run": found.run,
        "folder": found.folder,
        "metrics": found.metrics,
        "pid": found.pid,
    }


def network_entries(desired: Desired, actual: Actual) -> dict[str, Any]:
    """How many rows are in which state, and what is not in force."""
    return {
        "nodes": _counts(desired.nodes, actual.nodes),
        "links": _counts(desired.links, actual.links),
        "routes": _counts(desired.routes, actual.routes),
        "troubles": list(_troubles(desired, actual)),
    }


def site_entries(sites: Sequence[RegisteredSite], desired: Desired, actual: Actual) -> list[dict[str, Any]]:
    """Sites in their order: whether they have joined, and how one does."""
    found = []
    for site in sites:
        nodes = [id for id, node in desired.nodes.items() if node.process in site.process_range]
        states = {actual.nodes[id].status if id in actual.nodes else "pending" for id in nodes}
        found.append(
            {
                "site": site.name,
                "processes": site.processes,
                "nodes": len(nodes),
                "status": next((told for state, told in _OF_SITES if state in states), "joined"),
                "join": site.join,
            }
        )
    return found


def path_entries(samples: Sequence[LinkMetric], desired: Desired) -> list[dict[str, Any]]:
    """The real paths below links between sites, beside what is asked of these."""
    by_link: dict[int, dict[int, LinkMetric]] = {}
    for sample in samples:
        by_link.setdefault(sample.link, {})[sample.node] = sample
    found = []
    for link in (desired.links[id] for id in sorted(by_link.keys() & desired.links.keys())):
        ways = [by_link[link.id].get(node) for node in (link.a, link.b)]
        trips = [way.rtt_us for way in ways if way is not None and way.rtt_us is not None]
        found.append(
            {
                "link": [node_name(desired, link.a), node_name(desired, link.b)],
                "rtt_ms": min(trips) / 1000,
                "asked_rtt_ms": round((link.forward.delay + link.backward.delay) * 1000, 6),
                "most_bps": [(way.most_bps or 0) if way is not None else 0 for way in ways],
            }
        )
    return found


_OF_SITES = (("failed", "missing"), ("pending", "waiting"), ("down", "lost"))
"""What is said of a site with a node in this state, the first that there is."""


def flow_entries(desired: Desired, actual: Actual, recent: Mapping[int, RecentFlow]) -> list[dict[str, Any]]:
    """All flows that are wanted, in the order of their numbers."""
    return [_flow(desired.flows[id], desired, actual, recent) for id in sorted(desired.flows)]


def _flow(flow: Flow, desired: Desired, actual: Actual, recent: Mapping[int, RecentFlow]) -> dict[str, Any]:
    state, lately = actual.flows.get(flow.id), recent.get(flow.id)
    running = state is None or state.status == "running"
    delivered = max(state.bytes if state else 0, lately.acknowledged if lately else 0)
    return {
        "name": flow.name,
        "source": node_name(desired, flow.source),
        "destination": node_name(desired, flow.destination),
        "kind": flow.kind,
        "status": state.status if state else "waiting",
        "bytes": delivered,
        "size": flow.size,
        "duration": flow.duration,
        "rate_bps": round(lately.rate) if lately and running else 0,
        "reason": state.reason if state else None,
    }


def _counts(wanted: Mapping[int, Any], states: Mapping[int, Any]) -> dict[str, int]:
    """How many there are in each state."""
    found = Counter(states[id].status if id in states else "pending" for id in wanted)
    return dict(sorted(found.items()))


def _troubles(desired: Desired, actual: Actual) -> Iterator[dict[str, Any]]:
    """Whatever is not in force, and why."""
    for id, node in sorted(desired.nodes.items()):
        yield from _trouble("node", node.name, actual.nodes.get(id))
    for id, link in sorted(desired.links.items()):
        ends = f"{node_name(desired, link.a)} - {node_name(desired, link.b)}"
        yield from _trouble("link", ends, actual.links.get(id))
    for id, route in sorted(desired.routes.items()):
        path = " ".join(node_name(desired, node) for node in route.path)
        yield from _trouble("route", path, actual.routes.get(id))


def _trouble(kind: str, name: str, state: RowState | None) -> Iterator[dict[str, Any]]:
    if state is None or state.status not in IN_FORCE:
        yield {
            "kind": kind,
            "name": name,
            "status": state.status if state else "pending",
            "reason": state.reason if state else None,
        }


def node_name(desired: Desired, node: int) -> str:
    """The node's name; its number if there is no such node."""
    return desired.nodes[node].name if node in desired.nodes else f"#{node}"
