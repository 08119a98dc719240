"""How flows ended, from what their two ends say."""

from __future__ import annotations

from typing import Any

import pytest

from nextmini.controller.datagrams import DatagramResult
from nextmini.controller.flows import FlowProgress, FlowTracker, Verdict
from nextmini.protocol import Datagrams, FlowChange, Quantiles

from .rows import flow

SUM = "xxh3:0123456789abcdef"


def says(end: str, status: str = "completed", **changes: Any) -> FlowChange:
    values: dict[str, Any] = {
        "bytes": 1000,
        "seconds": 0.5,
        "retransmitted": 3 if end == "source" else 0,
        "timeouts": 1 if end == "source" else 0,
        "reordered": 2 if end == "sink" else 0,
        "checksum": SUM,
        "route": None,
        "reason": None,
    }
    return FlowChange(flow=1, end=end, status=status, **(values | changes))  # type: ignore[arg-type]


def tracker(*reports: FlowChange, **settings: Any) -> FlowTracker:
    made = FlowTracker()
    made.replace(1, flow(1, 1, 3, **settings))
    for report in reports:
        made.report(report, 9, (1, 2, 3)) if report.end == "source" else made.report(report, None, None)
    return made


@pytest.mark.parametrize(
    ("source", "sink", "verdict"),
    [
        (says("source"), None, None),
        (None, says("sink"), None),
        (says("source", "running"), says("sink"), None),
        (says("source"), says("sink", "running"), None),
        (says("source"), says("sink"), Verdict("completed")),
        (
            says("source"),
            says("sink", checksum="xxh3:ffffffffffffffff"),
            Verdict("failed", f"checksum mismatch: {SUM} was sent, xxh3:ffffffffffffffff arrived"),
        ),
        (
            says("source"),
            says("sink", bytes=999),
            Verdict("failed", "999 bytes arrived of 1000 that were sent"),
        ),
        (says("source", "failed", reason="gone"), None, Verdict("failed", "gone")),
        (says("source"), says("sink", "failed", reason="odd"), Verdict("failed", "odd")),
        (None, says("sink", "failed"), Verdict("failed", "the sink gave no reason")),
        (says("source", "stopped"), says("sink", "stopped", bytes=900), Verdict("stopped")),
        # Stopped in the moment when all had arrived: one end knows, the other is told no more.
        (says("source", "stopped"), says("sink"), Verdict("completed")),
        (says("source"), says("sink", "stopped"), Verdict("completed")),
        (says("source"), says("sink", "stopped", bytes=1, checksum=None), Verdict("stopped")),
        # In max mode a sink takes the end of the connection for the flow's.
        (says("source", "stopped", checksum=None), says("sink", checksum=None), Verdict("stopped")),
        (says("source", checksum=None), says("sink", checksum=None), Verdict("completed")),
    ],
)
def test_verdicts(source: FlowChange | None, sink: FlowChange | None, verdict: Verdict | None) -> None:
    for order in ((source, sink), (sink, source)):
        made = tracker(*(report for report in order if report is not None))
        assert made.flows[1].verdict == verdict
        assert made.unfinished == (set() if verdict else {1})


def test_the_receiver_tells_what_arrived_and_the_source_how_long_it_took() -> None:
    known = tracker(says("source", seconds=0.5), says("sink", seconds=0.4)).flows[1]
    assert (known.bytes, known.seconds, known.goodput) == (1000, 0.5, 16000)
    assert (known.retransmitted, known.timeouts, known.reordered, known.checksum) == (3, 1, 2, SUM)
    assert (known.route, known.path) == (9, (1, 2, 3))


def test_a_flow_that_never_began_has_no_goodput() -> None:
    known = tracker().flows[1]
    assert (known.status, known.bytes, known.seconds, known.goodput, known.checksum) == (
        "running",
        0,
        0.0,
        0.0,
        None,
    )


def test_the_first_verdict_counts_and_later_reports_complete_the_numbers() -> None:
    made = tracker(says("source", "running", bytes=0))
    assert made.fail([1, 77], "its process died") == [1]
    assert made.fail([1], "again") == []
    made.report(says("source", "stopped", bytes=600), None, None)
    made.report(says("sink", "stopped", bytes=500), None, None)
    known = made.flows[1]
    assert known.verdict == Verdict("failed", "its process died")
    assert (known.bytes, made.ended, made.failed) == (500, 1, 1)


def test_an_end_has_one_last_word() -> None:
    made = tracker(says("source"), says("sink"))
    assert not made.report(says("source", "stopped", bytes=0, seconds=0.0), None, None)
    assert made.flows[1].seconds == 0.5


def test_what_is_acknowledged_has_arrived() -> None:
    made = tracker(says("source", "running", bytes=0))
    made.acknowledge(1, 700)
    made.acknowledge(99, 5)
    assert (made.flows[1].bytes, made.delivered) == (700, 700)
    made.report(says("sink"), None, None)
    made.report(says("source"), None, None)
    assert (made.flows[1].bytes, made.delivered) == (1000, 1000)


def test_flows_without_an_end_are_not_waited_for() -> None:
    endless = tracker(size=None)
    assert endless.unfinished == set()
    assert tracker(size=None, duration=2.0).unfinished == {1}
    endless.replace(1, flow(1, 1, 3, size=5))
    assert endless.unfinished == {1}


def test_stopping_gives_a_reason_to_those_who_have_none() -> None:
    made = tracker(says("source", "stopped"), says("sink", "stopped", bytes=1))
    made.replace(2, flow(2, 1, 3))
    made.replace(3, flow(3, 1, 3))
    made.fail([3], "no path")
    assert made.stop_all("the run was interrupted") == [1, 2]
    assert [known.verdict for known in made.flows.values()] == [
        Verdict("stopped", "the run was interrupted"),
        Verdict("stopped", "the run was interrupted"),
        Verdict("failed", "no path"),
    ]


def test_a_removed_flow_is_stopped_and_its_number_can_be_used_again() -> None:
    made = tracker()
    assert made.replace(1, None)
    assert made.flows[1].verdict == Verdict("stopped", "the flow was removed")
    assert not made.replace(1, None)
    made.replace(1, flow(1, 2, 3))
    assert (made.unfinished, made.ended, made.flows[1].status) == ({1}, 0, "running")
    assert not made.replace(44, None)


def test_flows_that_touch_a_node() -> None:
    made = tracker(says("source", "running"))  # 1 to 3 over 2
    made.replace(2, flow(2, 4, 5))
    made.replace(3, flow(3, 5, 6))
    made.replace(4, flow(4, 1, 9))
    made.fail([4], "over already")

    def paths(known: FlowProgress) -> list[tuple[int, ...]]:
        others: dict[int, list[tuple[int, ...]]] = {2: [(4, 7, 5), (4, 8, 5)], 3: [(5, 99, 6)]}
        return [known.path] if known.path else others[known.flow.id]

    assert made.touching(frozenset({2}), paths) == [1]
    assert made.touching(frozenset({8}), paths) == [2]
    assert made.touching(frozenset({99}), paths) == [3]
    assert made.touching(frozenset({5}), paths) == [2, 3]
    assert made.touching(frozenset({1}), paths) == [1]


class TestPackets:
    """Flows of kind udp: nothing has to arrive."""

    @staticmethod
    def made(*reports: FlowChange) -> FlowTracker:
        return tracker(*reports, kind="udp", size=None, duration=5.0)

    @staticmethod
    def sent(packets: int = 1000, status: str = "completed") -> FlowChange:
        return says("source", status, checksum=None, datagrams=Datagrams(packets))

    @staticmethod
    def got(packets: int, status: str = "completed", **more: Any) -> FlowChange:
        found = Datagrams(packets, **more)
        return says("sink", status, bytes=packets * 100, checksum=None, datagrams=found)

    def test_loss_is_no_failure(self) -> None:
        delay = Quantiles(990, 10_000_000, 12_500_000, 500_000_000)
        found = self.got(
            220, duplicates=1, reordered=2, corrupted=3, marked=4, delay=delay, jitter_ns=250_000
        )
        known = self.made(self.sent(), found).flows[1]
        assert known.verdict == Verdict("completed")
        assert known.datagrams == DatagramResult(1000, 220, 1, 2, 3, 4, 10.0, 12.5, 500.0, 0.25)
        assert (known.datagrams.lost, known.datagrams.loss) == (780, 0.78)
        assert (known.bytes, known.reordered, known.checksum) == (22_000, 2, None)

    def test_both_ends_have_to_be_done(self) -> None:
        assert self.made(self.sent()).unfinished == {1}
        assert self.made(self.sent(), self.got(5, "running")).unfinished == {1}
        assert self.made(self.sent(10, "running"), self.got(5)).unfinished == {1}
        assert self.made(self.sent(), self.got(5)).unfinished == set()

    def test_of_a_sink_the_newest_word_counts(self) -> None:
        made = self.made(self.sent(), self.got(900))
        assert made.report(self.got(950), None, None)
        result = made.flows[1].datagrams
        assert result is not None
        assert (result.received, made.delivered, made.ended) == (950, 95_000, 1)

    def test_a_sink_that_never_heard_of_it_has_received_nothing(self) -> None:
        made = self.made(self.sent(7))
        assert made.flows[1].unheard
        assert made.heard_nothing(1)
        assert not made.heard_nothing(1)
        assert not made.heard_nothing(99)
        assert made.flows[1].verdict == Verdict("completed")
        result = made.flows[1].datagrams
        assert result is not None
        assert (result.sent, result.received, result.loss) == (7, 0, 1.0)

    def test_who_has_heard_of_it_is_waited_for(self) -> None:
        made = self.made(self.sent(7), self.got(1, "running"))
        assert not made.flows[1].unheard
        assert not made.heard_nothing(1)

    def test_at_the_end_what_was_sent_was_sent(self) -> None:
        made = self.made(self.sent(7), self.got(1, "running"))
        assert made.stop_all("the experiment is over") == [1]
        assert made.flows[1].verdict == Verdict("completed")
        made = self.made(self.sent(7, "running"))
        made.stop_all("the experiment is over")
        assert made.flows[1].verdict == Verdict("stopped", "the experiment is over")

    def test_a_source_that_failed_is_a_failure(self) -> None:
        made = self.made(says("source", "failed", reason="no route"), self.got(5))
        assert made.flows[1].verdict == Verdict("failed", "no route")

    def test_a_flow_without_packets_has_lost_none(self) -> None:
        result = self.made().flows[1].datagrams
        assert result is not None
        assert (result.lost, result.loss) == (0, 0.0)
        assert tracker().flows[1].datagrams is None


def test_a_flow_that_begins_again_has_had_nothing() -> None:
    made = tracker(says("source", "running"), says("sink", "running", bytes=700))
    made.acknowledge(1, 600)
    assert made.delivered == 700
    assert made.restart(1)
    known = made.flows[1]
    assert (known.bytes, known.source, known.sink, known.restarts, made.delivered) == (0, None, None, 1, 0)
    made.report(says("source"), 9, (1, 2, 3))
    made.report(says("sink"), None, None)
    assert (known.status, known.restarts, made.delivered) == ("completed", 1, 1000)
    assert not made.restart(1), "what has ended does not begin again"
    assert not made.restart(2)


@pytest.mark.parametrize(
    ("nodes", "settings", "bound"),
    [
        ({1}, {}, [1]),
        ({3}, {}, [1]),
        ({2}, {}, []),
        ({2}, {"mode": "max"}, [1]),
        ({4}, {"mode": "max"}, []),
    ],
)
def test_which_flows_need_what_a_process_knew(
    nodes: set[int], settings: dict[str, Any], bound: list[int]
) -> None:
    made = tracker(**settings)
    assert made.bound_to(frozenset(nodes), lambda _: [(1, 2, 3)]) == bound
    without = made.bound_to(frozenset({4}), lambda _: [])
    assert without == ([1] if settings else []), "a route that is not known may lead anywhere"
    made.fail([1], "over")
    assert made.bound_to(frozenset(nodes), lambda _: [(1, 2, 3)]) == []
