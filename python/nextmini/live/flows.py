"""Flows of a running experiment: their beginnings and their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextmini.errors import RunError
from nextmini.live.choice import LiveError
from nextmini.live.new_flows import new_flow
from nextmini.live.routes import find_route
from nextmini.live.session import CONFIRM_SECONDS, listed, until_confirmed
from nextmini.live.status import node_name
from nextmini.scenario.wording import nearest
from nextmini.store import FlowState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.scenario import Flow
    from nextmini.store import Desired
    from nextmini.store.live import LiveStore


async def add_flow(store: LiveStore, said: Mapping[str, Any], wait: bool) -> dict[str, Any]:
    """Adds a flow, and waits until it has begun; until it has ended, if `wait`.

    One that starts later is not waited for. Raises LiveError or ScenarioError if there can be no such flow,
    RunError if it fails.
    """
    desired = await store.desired()
    (flow,) = await store.add_flows([new_flow(desired, said)])

    async def begun() -> FlowState | None:
        return await store.state(FlowState, flow.id)

    state = FlowState(flow.id, 0, "waiting")
    if wait:
        state = await _end(store, flow, None)
    elif flow.start == 0:
        state, _ = await until_confirmed(store, begun, f"flow {flow.name}")
    if state.status == "failed":
        raise RunError(f"flow {flow.name} failed: {state.reason}")
    return {
        "name": flow.name,
        "source": node_name(desired, flow.source),
        "destination": node_name(desired, flow.destination),
        "kind": flow.kind,
        "status": state.status,
        "bytes": state.bytes,
        "seconds": state.seconds,
        "reason": state.reason,
    }


async def wait_for_flow(store: LiveStore, name: str) -> FlowState:
    """The state of a flow when it has ended. Raises LiveError if there is no such flow, RunError."""
    return await _end(store, find_flow(await store.desired(), name), None)


async def stop_flow(store: LiveStore, name: str) -> tuple[FlowState, bool]:
    """Removes a flow that has not ended; returns its last state, and whether it had to be stopped.

    Raises LiveError if there is no such flow, RunError if it goes on.
    """
    flow = find_flow(await store.desired(), name)
    before = await store.state(FlowState, flow.id)
    if before is not None and before.status != "running":
        return before, False
    await store.remove_flows([flow.id])
    return await _end(store, flow, CONFIRM_SECONDS), True


async def pin_flow(store: LiveStore, name: str, route: int | None) -> FlowState | None:
    """Has a flow take a route, whatever the weights say (None: as they say); returns its state then.

    That is None while it has not begun. Raises LiveError if there is no such flow or its pair has no such
    route, RunError if a process cannot do it.
    """
    desired = await store.desired()
    flow = find_flow(desired, name)
    if route is not None:
        path = find_route(desired, route).path
        if (path[0], path[-1]) != (flow.source, flow.destination):
            a, b, c, d = (node_name(desired, n) for n in (flow.source, flow.destination, path[0], path[-1]))
            raise LiveError(f"flow {name} goes from {a} to {b}, route {route} from {c} to {d}")
    await store.pin_flow(flow.id, route)

    async def look() -> tuple[FlowState | None] | None:
        state = await store.state(FlowState, flow.id)
        # Requests do not say which route they take.
        if state is None or state.status != "running" or route is None or flow.kind == "icmp":
            return (state,)
        return (state,) if state.reason is not None or state.route == route else None

    (state,), _ = await until_confirmed(store, look, f"the route of flow {name}")
    if route is not None and state is not None and state.status == "running" and state.reason is not None:
        raise RunError(f"flow {name}: {state.reason}")
    return state


async def _end(store: LiveStore, flow: Flow, seconds: float | None) -> FlowState:
    """Waits for the end of a flow."""

    async def look() -> FlowState | None:
        state = await store.state(FlowState, flow.id)
        return state if state is not None and state.status != "running" else None

    state, _ = await until_confirmed(store, look, f"the end of flow {flow.name}", seconds)
    return state


def find_flow(desired: Desired, name: str) -> Flow:
    """The flow with this name. Raises LiveError, with names that are near."""
    for flow in desired.flows.values():
        if flow.name == name:
            return flow
    known = [flow.name for flow in desired.flows.values()]
    meant = nearest(name, known)
    if meant is not None:
        remedy = f"did you mean {meant}?"
    else:
        remedy = f"the flows are {listed(known)}" if known else "there are no flows"
    raise LiveError(f"there is no flow {name!r}", remedy)
