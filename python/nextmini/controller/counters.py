"""The counters of links and flows that dataplane processes report: the newest of each."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING

from nextmini.protocol import Drops, FlowCounters, LinkCounters

if TYPE_CHECKING:
    from nextmini.protocol import Metrics

DROP_CAUSES = tuple(f.name for f in fields(Drops))
_drop_counts = attrgetter(*DROP_CAUSES)


def drops_by_cause(drops: Drops) -> dict[str, int]:
    """The drops as a map, in the order of the documents."""
    return dict(zip(DROP_CAUSES, _drop_counts(drops), strict=True))


@dataclass(slots=True)
class Counters:
    """The newest counters: of links by (link, sending node), of flows by number."""

    links: dict[tuple[int, int], LinkCounters] = field(default_factory=dict)
    flows: dict[int, FlowCounters] = field(default_factory=dict)
    """At their sources. What has arrived of a udp flow stands there too, although its sink tells it."""

    def take(self, metrics: Metrics) -> list[FlowCounters]:
        """Takes in one message; returns the counters of the flows that it is about."""
        for link in metrics.links:
            self.links[link.link, link.node] = link
        for flow in metrics.flows:
            known = self.flows.get(flow.flow, flow)
            # The source of a udp flow hears nothing of what arrives.
            arrived = max(flow.acknowledged, known.acknowledged)
            self.flows[flow.flow] = replace(flow, acknowledged=arrived)
        for sink in metrics.sinks:
            source = self.flows.get(sink.flow, FlowCounters(sink.flow, 0, 0, 0, 0, 0))
            self.flows[sink.flow] = replace(source, acknowledged=sink.bytes)
        changed = dict.fromkeys([*(f.flow for f in metrics.flows), *(s.flow for s in metrics.sinks)])
        return [self.flows[id] for id in changed]
