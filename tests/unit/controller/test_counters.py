"""Counters of links and flows, also across the restart of a process."""

from __future__ import annotations

from nextmini.controller.counters import Counters
from nextmini.protocol import Drops, LinkCounters, Metrics


def link(node: int, bytes: int, **drops: int) -> LinkCounters:
    return LinkCounters(5, node, bytes, bytes // 10, 3, Drops(**drops), entered=bytes // 5)


def test_a_process_that_was_started_again_goes_on_counting_where_the_one_before_stopped() -> None:
    counters = Counters()
    counters.take(counters.continued(Metrics(links=(link(1, 1000, loss=2), link(2, 500)))))
    counters.process_restarted({1})
    said = counters.continued(Metrics(links=(link(1, 100, loss=1, queue=4), link(2, 600))))
    assert said.links == (
        LinkCounters(5, 1, 1100, 110, 3, Drops(loss=3, queue=4), entered=220),
        link(2, 600),
    )
    counters.take(said)
    counters.process_restarted({1})
    assert counters.continued(Metrics(links=(link(1, 10),))).links[0].bytes == 1110
