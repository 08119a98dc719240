"""Dataplane processes that are not what they were, and the flows that begin again with them.

A process that was started anew knows nothing: a flow that begins or ends there, or that has a connection of
its own there (max mode), cannot go on. It is begun again from its first byte, under another number. What only
passes such a process goes on where it was: its two ends know what has arrived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.controller.counters import Counters
    from nextmini.controller.flows import FlowProgress, FlowTracker, Path
    from nextmini.controller.peer import Peer
    from nextmini.controller.reconciler import Reconciler


class Comebacks:
    """The processes of an experiment, as they were last."""

    def __init__(
        self,
        flows: FlowTracker,
        reconciler: Reconciler,
        counters: Counters,
        paths: Callable[[FlowProgress], list[Path]],
        now: Callable[[], float],
    ) -> None:
        """`paths` tells those that a flow may take, `now` is in seconds."""
        self._flows = flows
        self._reconciler = reconciler
        self._counters = counters
        self._paths = paths
        self._now = now
        self._began: float | None = None
        self._known: dict[int, tuple[object, str]] = {}
        """The identity and the address of each; not of one that is known to be dead."""

    def flows_released(self) -> None:
        """From now on flows may begin."""
        self._began = self._now()

    def died(self, process: int) -> list[int]:
        """Another one will take its place; returns the flows that begin again then."""
        return self._begin_again(process) if self._known.pop(process, None) is not None else []

    def connected(self, peer: Peer) -> list[int]:
        """A process is there; returns the flows that begin again because it is another one than before."""
        here = (peer.identity, peer.listen)
        before = self._known.get(peer.process, here)
        self._known[peer.process] = here
        return self._begin_again(peer.process) if before != here else []

    def _begin_again(self, process: int) -> list[int]:
        nodes = self._reconciler.view.nodes_of_process(process)
        self._counters.process_restarted(nodes)
        if self._began is None:
            return []
        late = self._now() - self._began
        again = [id for id in self._flows.bound_to(nodes, self._paths) if self._flows.restart(id)]
        self._reconciler.begin_again(again, late)
        for id in again:
            self._counters.flows.pop(id, None)
        return again
