"""Routes of a running experiment."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nextmini.errors import RunError
from nextmini.live.choice import LiveError
from nextmini.live.session import find_link, find_node, listed, until_confirmed
from nextmini.live.status import node_name
from nextmini.store import RouteState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.scenario import Route
    from nextmini.store import Actual, Desired
    from nextmini.store.live import LiveStore

ORIGIN = "live"


async def add_route(store: LiveStore, names: Sequence[str], weight: int, both: bool) -> list[dict[str, Any]]:
    """Adds a route over these nodes, the way back too if `both`; returns what is in force then.

    Raises LiveError if there can be no such route, RunError if it does not come into force.
    """
    desired = await store.desired()
    path = path_of(desired, names)
    ways = [path, path[::-1]] if both else [path]
    routes = await store.add_routes([(way, weight) for way in ways], ORIGIN)
    entries = []
    for route in routes:
        state = await _confirmed(store, route, desired)
        if state.status != "installed":
            raise RunError(f"the route {_text(route, desired)} was refused: {state.reason}")
        entries.append(_entry(route, desired, state))
    return entries


async def set_route(
    store: LiveStore, id: int, names: Sequence[str], weight: int | None
) -> tuple[dict[str, Any], bool]:
    """Gives a route another path or weight; returns what is in force then, and whether anything changed.

    Its flows move to a new path with it; a new weight is for flows that begin. Raises as `add_route`.
    """
    desired = await store.desired()
    route = find_route(desired, id)
    path = path_of(desired, names) if names else route.path
    if (path[0], path[-1]) != (route.path[0], route.path[-1]):
        a, b = (node_name(desired, node) for node in (route.path[0], route.path[-1]))
        raise LiveError(f"route {id} goes from {a} to {b}", "add a route for another pair")
    before = await store.state(RouteState, id)
    if (path, weight or route.weight) == (route.path, route.weight):
        return _entry(route, desired, before), False
    changed = await store.set_route(id, path, weight)

    async def look() -> RouteState | None:
        state = await store.state(RouteState, id)
        news = state is not None and (before is None or state.generation > before.generation)
        return state if state is not None and (news or state.status == "rejected") else None

    state, _ = await until_confirmed(store, look, f"the route {_text(changed, desired)}")
    if state.status == "rejected":
        raise RunError(f"the route {_text(changed, desired)} was refused: {state.reason}")
    return _entry(changed, desired, state), True


async def remove_route(store: LiveStore, id: int) -> dict[str, Any]:
    """Takes a route away; returns what it was. Flows that took it take others of their pair."""
    desired = await store.desired()
    route = find_route(desired, id)
    await store.remove_routes([id])

    async def look() -> bool | None:
        return True if await store.state(RouteState, id) is None else None

    await until_confirmed(store, look, f"the end of route {id}")
    return _entry(route, desired, None) | {"status": "removed"}


def find_route(desired: Desired, id: int) -> Route:
    """The route with this number. Raises LiveError, with those that there are."""
    if id not in desired.routes:
        known = listed(map(str, sorted(desired.routes)))
        raise LiveError(f"there is no route {id}", f"there are {known}" if known else "there are none")
    return desired.routes[id]


def path_of(desired: Desired, names: Sequence[str]) -> tuple[int, ...]:
    """The numbers of the nodes.

    Raises LiveError unless each is joined to the next, and none is there twice.
    """
    if len(names) < 2:
        raise LiveError("a route has at least two nodes", "name them from the source to the destination")
    path = tuple(find_node(desired, name).id for name in names)
    if len(set(path)) != len(path):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise LiveError(f"the route visits {twice} twice", "name each node once")
    for a, b in pairwise(names):
        find_link(desired, a, b)
    return path


def route_entries(desired: Desired, actual: Actual) -> list[dict[str, Any]]:
    """All routes, in the order of their numbers."""
    return [_entry(desired.routes[id], desired, actual.routes.get(id)) for id in sorted(desired.routes)]


async def _confirmed(store: LiveStore, route: Route, desired: Desired) -> RouteState:
    async def look() -> RouteState | None:
        state = await store.state(RouteState, route.id)
        return state if state is not None and state.status not in ("pending", "down") else None

    found, _ = await until_confirmed(store, look, f"the route {_text(route, desired)}")
    return found


def _entry(route: Route, desired: Desired, state: RouteState | None) -> dict[str, Any]:
    return {
        "id": route.id,
        "path": [node_name(desired, node) for node in route.path],
        "weight": route.weight,
        "origin": route.origin,
        "status": state.status if state else "pending",
        "reason": state.reason if state else None,
    }


def _text(route: Route, desired: Desired) -> str:
    return " ".join(node_name(desired, node) for node in route.path)
