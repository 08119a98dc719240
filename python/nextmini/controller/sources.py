"""Where the numbers of the page of metrics come from, and one moment of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.controller.metric_families import ControllerCounts, Snapshot

if TYPE_CHECKING:
    from nextmini.controller.counters import Counters
    from nextmini.controller.flows import FlowTracker
    from nextmini.controller.peer import Sent
    from nextmini.controller.reconciler import Reconciler
    from nextmini.controller.rounds import Rounds
    from nextmini.controller.settings import Settings
    from nextmini.controller.writer import MetricsWriter, StateWriter


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts of a controller that know something to show."""

    settings: Settings
    reconciler: Reconciler
    flows: FlowTracker
    counters: Counters
    states: StateWriter
    metrics: MetricsWriter
    rounds: Rounds
    sent: Sent

    def look(self) -> Snapshot:
        """Copies of everything that the event loop goes on changing."""
        view = self.reconciler.view
        return Snapshot(
            experiment=self.settings.experiment,
            run=self.settings.run,
            nodes=dict(view.nodes),
            links=dict(view.links),
            routes=tuple(view.routes),
            flows=dict(view.flows),
            states=dict(self.reconciler.actual.states),
            progress=dict(self.flows.flows),
            link_counters=dict(self.counters.links),
            flow_counters=dict(self.counters.flows),
            controller=ControllerCounts(
                connected=len(self.reconciler.peers),
                processes=len(view.processes()),
                states_written=self.states.written,
                samples_written=self.metrics.written,
                samples_lost=self.metrics.lost,
                samples_waiting=self.metrics.waiting,
                rounds=self.rounds.ended,
                messages_sent=self.sent.messages,
                bytes_sent=self.sent.bytes,
            ),
        )
