"""From counters, which are totals of a run, to what happened in an interval. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.algorithms.rows import FlowSample, LinkSample

if TYPE_CHECKING:
    from nextmini.store import FlowMetric, LinkMetric

_SKIPPED = 1.5
"""Intervals; after more of them without a sample, there were some in which nothing happened."""


class LinkMeter:
    """The totals of directions of links; `began` and `interval` in s."""

    def __init__(self, began: float, interval: float) -> None:
        self._began = began
        self._interval = interval
        self._last: dict[tuple[int, int], LinkMetric] = {}

    def sample(self, metric: LinkMetric) -> LinkSample:
        """What has happened since the last one; of the first one, since the run began."""
        key = (metric.link, metric.node)
        before = self._last.get(key)
        self._last[key] = metric
        sent, packets, drops = (0, 0, {}) if before is None else (before.bytes, before.packets, before.drops)
        dropped = {cause: number - drops.get(cause, 0) for cause, number in metric.drops.items()}
        return LinkSample(
            link=metric.link,
            node=metric.node,
            time=metric.time.timestamp() - self._began,
            seconds=_seconds(before, metric, self._interval),
            bytes=max(0, metric.bytes - sent),
            packets=max(0, metric.packets - packets),
            drops={cause: number for cause, number in dropped.items() if number > 0},
            queue=metric.queue,
        )


class FlowMeter:
    """The totals of flows; `began` and `interval` in s."""

    def __init__(self, began: float, interval: float) -> None:
        self._began = began
        self._interval = interval
        self._last: dict[int, FlowMetric] = {}

    def sample(self, metric: FlowMetric) -> FlowSample:
        """What has happened since the last one; of the first one, since the flow began."""
        before = self._last.get(metric.flow)
        self._last[metric.flow] = metric
        sent = acknowledged = resent = timeouts = 0
        if before is not None:
            sent, acknowledged = before.bytes, before.acknowledged
            resent, timeouts = before.retransmitted, before.timeouts
        return FlowSample(
            flow=metric.flow,
            time=metric.time.timestamp() - self._began,
            seconds=_seconds(before, metric, self._interval),
            bytes=max(0, metric.bytes - sent),
            acknowledged=max(0, metric.acknowledged - acknowledged),
            retransmitted=max(0, metric.retransmitted - resent),
            srtt=metric.srtt_us / 1e6,
            window=metric.window,
            timeouts=max(0, metric.timeouts - timeouts),
            cwnd=metric.cwnd,
        )


def _seconds(
    before: LinkMetric | FlowMetric | None, metric: LinkMetric | FlowMetric, interval: float
) -> float:
    """How long the interval was: samples that would repeat the one before are left out."""
    if before is None:
        return interval
    gap = (metric.time - before.time).total_seconds()
    return interval if gap > _SKIPPED * interval or gap <= 0 else gap
