"""What is said of flows, by processes and by the database, and what their rows of states say then."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from nextmini.controller import reports
from nextmini.controller.view import Dirty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nextmini.controller.flows import FlowTracker
    from nextmini.controller.reconciler import Reconciler
    from nextmini.protocol import FlowChange, FlowCounters
    from nextmini.store import FlowState

log = logging.getLogger(__name__)

DOUBT_SECONDS = 0.5
"""Where dead processes are replaced: how long after a flow's failure its cause may be heard of."""
HOLD_SECONDS = 10.0
"""How long flows that begin again wait for everything to be in force that they may need."""
SILENCE_SECONDS = 5.0
"""After its source has sent everything, a udp flow of which its sink has not heard is given so long."""


class FlowDesk:
    """Takes in what is said of flows."""

    def __init__(
        self,
        flows: FlowTracker,
        reconciler: Reconciler,
        put_state: Callable[[FlowState], None],
        wake: Callable[[], None],
        *,
        restarts: bool,
    ) -> None:
        """`wake` is called when there may be something to tell processes, or a run may be over; `restarts`
        says whether dead processes are replaced.
        """
        self._flows = flows
        self._reconciler = reconciler
        self._view = reconciler.view
        self._put_state = put_state
        self._wake = wake
        self._restarts = restarts
        self._pinned: set[int] = set()

    def changed(self, changes: Iterable[FlowChange], *, doubted: bool = True) -> None:
        """What ends of flows say."""
        names, loop = self._reconciler.names, asyncio.get_running_loop()
        for change in changes:
            flow = self._reconciler.flow_names.row(change.flow)
            if flow is None:
                continue  # it has begun again since
            if doubted and self._restarts and change.status == "failed":
                # That a process has died may be heard of later than what that broke.
                loop.call_later(DOUBT_SECONDS, partial(self.changed, (change,), doubted=False))
                continue
            row = path = None
            if change.route is not None:
                row, path = names.row(change.route), names.path(change.route)
            change = replace(change, flow=flow, reason=self._reason(flow, change))
            if self._flows.report(change, row, path):
                self.publish(flow)
                if self._flows.flows[flow].unheard:
                    loop.call_later(SILENCE_SECONDS, self._heard_nothing, flow)
        self._wake()

    def counted(self, counters: Iterable[FlowCounters]) -> None:
        """What sources have counted, and the routes that they take now."""
        names = self._reconciler.names
        for flow in counters:
            if flow.route is None:
                continue
            row, path = names.row(flow.route), names.path(flow.route)
            if row is not None and path is not None and self._flows.moved(flow.flow, row, path):
                self.publish(flow.flow)

    def refuse(self, id: int, reason: str) -> None:
        """A flow cannot be, or cannot go on."""
        if self._flows.fail([id], reason):
            log.warning("flow %s failed: %s", self._flows.flows[id].flow.name, reason)
            self.publish(id)
            self._reconciler.mark(Dirty(flows={id}))
            self._wake()

    def rejected(self, id: int, reason: str) -> None:
        """A process cannot do what a flow's row says; one that it has already goes on as it was."""
        if id not in self._reconciler.flow_generations:
            self.refuse(id, reason)
        elif self._flows.note(id, f"not in force: {reason}"):
            log.warning("a change of flow %s is not in force: %s", self._flows.flows[id].flow.name, reason)
            self.publish(id)

    def unreachable(self, source: int, destination: int) -> None:
        """There is no path from one node to the other; a flow with a route of its own waits for that one."""
        nodes = self._view.nodes
        if source in nodes and destination in nodes:
            reason = f"there is no path from {nodes[source].name} to {nodes[destination].name}"
        else:
            reason = f"there is no node {source if source not in nodes else destination}"
        for id in self._view.flows_between(source, destination):
            if id not in self._view.pins:
                self.refuse(id, reason)

    def pins_may_have_changed(self, flows: Iterable[int]) -> None:
        """These flows are to be looked at: who has a route of its own may have to wait for it."""
        self._pinned.update(flows)

    def look_at_pins(self) -> None:
        """Says of them whether they wait."""
        looked_at, self._pinned = self._pinned, set()
        for id in looked_at:
            if id in self._flows.flows and self._flows.wait(id, self._awaited(id)):
                self.publish(id)

    def begin_again(self, flows: list[int], reason: str) -> None:
        """These begin from their first bytes, when there is again what they need."""
        for id in flows:
            log.warning("flow %s begins again: %s", self._flows.flows[id].flow.name, reason)
            self.publish(id)
        asyncio.get_running_loop().call_later(HOLD_SECONDS, self._stop_holding, flows)
        self._wake()

    def publish(self, id: int) -> None:
        """Its row of states is to say what is known of it."""
        generation = self._reconciler.flow_generations.get(id, 0)
        self._put_state(reports.flow_state(self._flows.flows[id], generation))

    def _reason(self, id: int, change: FlowChange) -> str | None:
        """Why a flow ended: in max mode, whose connections only break, that its route is gone if it is."""
        known = self._flows.flows.get(id)
        if change.status != "failed" or known is None or known.flow.mode != "max" or known.route is None:
            return change.reason
        route = self._view.routes.get(known.route)
        if route is not None and route.path == known.path:
            return change.reason
        gone = "was removed" if route is None else "has another path now"
        return f"route {known.route} {gone}, and a flow in max mode keeps what it began with: {change.reason}"

    def _awaited(self, id: int) -> str | None:
        pin = self._view.pins.get(id)
        if pin is None:
            return None
        state = self._reconciler.actual.states.get(("route", pin))
        if self._reconciler.names.wire(pin) is not None or (state is not None and state.status == "pending"):
            return None
        return f"it waits for route {pin}: {(state.reason if state else None) or 'there is no such route'}"

    def _heard_nothing(self, id: int) -> None:
        if self._flows.heard_nothing(id):
            self.publish(id)
            self._wake()

    def _stop_holding(self, flows: list[int]) -> None:
        self._reconciler.stop_holding(flows)
        self._wake()
