"""Flows of a running experiment: their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.live.choice import LiveError
from nextmini.live.session import listed, until_confirmed
from nextmini.scenario.wording import nearest
from nextmini.store import FlowState

if TYPE_CHECKING:
    from nextmini.scenario import Flow
    from nextmini.store import Desired
    from nextmini.store.live import LiveStore


async def stop_flow(store: LiveStore, name: str) -> tuple[FlowState, bool]:
    """Removes a flow that has not ended; returns its last state, and whether it had to be stopped.

    Raises LiveError if there is no such flow, RunError if it goes on.
    """
    flow = find_flow(await store.desired(), name)
    before = await store.state(FlowState, flow.id)
    if before is not None and before.status != "running":
        return before, False
    await store.remove_flows([flow.id])

    async def look() -> FlowState | None:
        state = await store.state(FlowState, flow.id)
        return state if state is not None and state.status != "running" else None

    state, _ = await until_confirmed(store, look, f"the end of flow {name}")
    return state, True


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
