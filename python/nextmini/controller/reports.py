"""What processes report, as rows for the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.controller.counters import drops_by_cause
from nextmini.store import FlowMetric, FlowState, LinkMetric, LinkState, NodeState, RouteState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from nextmini.controller.actual import Row, RowState
    from nextmini.controller.flows import FlowProgress
    from nextmini.controller.paths import Path
    from nextmini.protocol import FlowCounters, Metrics

STATE_TYPES: dict[str, type[NodeState] | type[LinkState] | type[RouteState]] = {
    "node": NodeState,
    "link": LinkState,
    "route": RouteState,
}

_MOST_INT4 = 2**31 - 1


def row_state(row: Row, state: RowState, process: int) -> NodeState | LinkState | RouteState:
    """The state of a node (which runs in `process`), link or route."""
    kind, id = row
    if kind == "node":
        return NodeState(id, process, state.generation, state.status, state.reason)
    if kind == "link":
        return LinkState(id, state.generation, state.status, state.reason)
    return RouteState(id, state.generation, state.status, state.reason)


def flow_state(known: FlowProgress, generation: int) -> FlowState:
    """The state of a flow."""
    packets = known.datagrams
    return FlowState(
        flow=known.flow.id,
        generation=generation,
        status=known.status,
        bytes=known.bytes,
        seconds=known.seconds,
        retransmitted=known.retransmitted,
        reordered=known.reordered,
        checksum_source=known.source.checksum if known.source else None,
        checksum_sink=known.sink.checksum if known.sink else None,
        route=known.route,
        reason=known.verdict.reason if known.verdict else known.awaits or known.note,
        sent=packets.sent if packets else None,
        received=packets.received if packets else None,
        delay_ms=packets.delay_p50_ms if packets and packets.received else None,
    )


def link_metrics(
    run: str, time: datetime, metrics: Metrics, paths: Mapping[tuple[int, int], Path]
) -> Iterator[LinkMetric]:
    """The samples of links; `paths` are known of those between sites."""
    for link in metrics.links:
        drops = drops_by_cause(link.drops)
        path = paths.get((link.link, link.node))
        yield LinkMetric(
            run=run,
            time=time,
            link=link.link,
            node=link.node,
            bytes=link.bytes,
            packets=link.packets,
            drops=drops,
            queue=link.queue,
            entered=link.entered,
            marked=link.marked,
            duplicated=link.duplicated,
            datagrams=link.datagrams,
            oversized=link.oversized,
            rtt_us=None if path is None else path.rtt_us,
            most_bps=None if path is None else path.most_bps,
        )


def flow_metrics(run: str, time: datetime, flows: Iterable[FlowCounters]) -> Iterator[FlowMetric]:
    """The samples of flows."""
    for flow in flows:
        yield FlowMetric(
            run=run,
            time=time,
            flow=flow.flow,
            bytes=flow.bytes,
            acknowledged=flow.acknowledged,
            retransmitted=flow.retransmitted,
            srtt_us=min(flow.srtt_us, _MOST_INT4),
            window=flow.window,
            timeouts=flow.timeouts,
            cwnd=flow.cwnd,
        )
