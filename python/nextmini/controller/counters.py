"""The counters of links and flows that dataplane processes report: the newest of each."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING

from nextmini.protocol import Drops, FlowCounters, LinkCounters

if TYPE_CHECKING:
    from collections.abc import Collection

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
    _before: dict[tuple[int, int], LinkCounters] = field(default_factory=dict)
    """Of links whose process was started again, which counts from zero: what the one before had counted."""

    def process_restarted(self, nodes: Collection[int]) -> None:
        """The process of these nodes is another one: it begins to count."""
        for key, counted in self.links.items():
            if key[1] in nodes:
                self._before[key] = replace(counted, queue=0)

    def continued(self, metrics: Metrics) -> Metrics:
        """The same with what earlier processes have counted."""
        if not self._before:
            return metrics
        before = self._before
        links = (_sum(link, before.get((link.link, link.node))) for link in metrics.links)
        return replace(metrics, links=tuple(links))

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


def _sum(now: LinkCounters, before: LinkCounters | None) -> LinkCounters:
    if before is None:
        return now
    drops = Drops(
        **{cause: getattr(now.drops, cause) + getattr(before.drops, cause) for cause in DROP_CAUSES}
    )
    return replace(
        now,
        bytes=now.bytes + before.bytes,
        packets=now.packets + before.packets,
        entered=now.entered + before.entered,
        marked=now.marked + before.marked,
        duplicated=now.duplicated + before.duplicated,
        datagrams=now.datagrams + before.datagrams,
        oversized=now.oversized + before.oversized,
        drops=drops,
    )
