"""Pings between nodes that have no programs: each a flow of one echo request."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

from nextmini.scenario import Flow
from nextmini.store import FlowState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nextmini.hosts.probes import Outcome, Request, Round
    from nextmini.store import Change
    from nextmini.store.live import LiveStore

    Key = tuple[str, int]

PAYLOAD = 56
"""Bytes, as of ping."""
PATIENCE = 3.0
"""Seconds until a request is given up: one that the nodes themselves give it, and what it takes to say so."""
_RATE = 8 * PAYLOAD


class FlowPinger:
    """Does the pings of a round; `heard` gets the outcome of each pair once it is complete."""

    def __init__(self, store: LiveStore, tasks: Round, heard: Callable[[Outcome], None]) -> None:
        self._store = store
        self._tasks = tasks
        self._heard = heard
        self._name = f"ping-{secrets.token_hex(3)}"
        self._number = 0
        self._waiting: dict[int, Key] = {}

    async def run(self) -> None:
        """Pings until all is done. Raises DatabaseError."""
        desired = await self._store.desired()
        nodes = {node.name: node.id for node in desired.nodes.values()}
        addresses = {node.address: node.id for node in desired.nodes.values()}
        changes = aiter(self._store.changes("state"))
        upcoming: asyncio.Future[frozenset[Change]] | None = None
        try:
            while (wake := self._tasks.wake) is not None:
                await self._send(self._tasks.due(time.monotonic()), nodes, addresses)
                upcoming = upcoming or asyncio.ensure_future(anext(changes))
                seconds = max(0.0, (self._tasks.wake or wake) - time.monotonic())
                done, _ = await asyncio.wait({upcoming}, timeout=seconds)
                if done:
                    await self._hear(upcoming.result())
                    upcoming = None
                for outcome in self._tasks.completed():
                    self._heard(outcome)
        finally:
            if upcoming is not None:
                upcoming.cancel()

    async def _send(self, requests: list[Request], nodes: dict[str, int], addresses: dict[str, int]) -> None:
        if not requests:
            return
        flows = await self._store.add_flows(
            [self._flow(nodes[wanted.source], addresses[wanted.address]) for wanted in requests]
        )
        for flow, wanted in zip(flows, requests, strict=True):
            self._waiting[flow.id] = (wanted.source, wanted.number)

    def _flow(self, source: int, destination: int) -> Flow:
        self._number += 1
        return Flow(
            id=0,
            name=f"{self._name}-{self._number}",
            source=source,
            destination=destination,
            kind="icmp",
            mode="normal",
            size=PAYLOAD,
            duration=None,
            rate=_RATE,
            weight=1,
            start=0.0,
            packet_size=PAYLOAD,
        )

    async def _hear(self, changes: Iterable[Change]) -> None:
        for id in self._concerned(changes):
            state = await self._store.state(FlowState, id)
            if state is None or state.status == "running":
                continue
            key = self._waiting.pop(id)
            if state.received and state.delay_ms is not None:
                self._tasks.answered(key, state.delay_ms / 1e3, time.monotonic())
            elif state.status == "failed":
                self._tasks.unreachable(key, time.monotonic())

    def _concerned(self, changes: Iterable[Change]) -> set[int]:
        """The flows that are waited for and that these changes may be about."""
        found: set[int] = set()
        for change in changes:
            if change.table in ("flow_state", "*"):
                found |= self._waiting.keys() if change.ids is None else self._waiting.keys() & change.ids
        return found
