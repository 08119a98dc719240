"""Flows of a running experiment: their beginnings and their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextmini.errors import RunError
from nextmini.live.choice import LiveError
from nextmini.live.new_flows import new_flow
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
