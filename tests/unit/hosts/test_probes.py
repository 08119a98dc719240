from __future__ import annotations

from itertools import permutations

import pytest

from nextmini.hosts.probes import Pace, Pair, Request, Round


def pairs(*names: str) -> list[Pair]:
    return [Pair(a, b, f"10.0.0.{names.index(b) + 1}") for a, b in permutations(names, 2)]


def test_each_source_has_two_pairs_under_way() -> None:
    tasks = Round(pairs("a", "b", "c", "d"), Pace(), 0.0)
    assert list(tasks.sources) == ["a", "b", "c", "d"]
    first = tasks.due(0.0)
    assert [(one.source, one.address) for one in first[:2]] == [("a", "10.0.0.2"), ("a", "10.0.0.3")]
    assert len(first) == 8
    assert tasks.due(0.1) == []
    tasks.answered(("a", first[0].number), 0.001, 0.1)
    (after,) = tasks.due(0.1)
    assert (after.source, after.address) == ("a", "10.0.0.4")


def test_in_sequence_there_is_one_in_all() -> None:
    tasks = Round(pairs("a", "b"), Pace(order="sequence"), 0.0)
    assert tasks.due(0.0) == [Request("a", 0, "10.0.0.2")]
    tasks.answered(("a", 0), 0.001, 0.5)
    assert tasks.due(0.5) == [Request("b", 0, "10.0.0.1")]
    tasks.answered(("b", 0), 0.001, 0.6)
    assert tasks.wake is None


def test_what_is_not_answered_in_time_is_lost() -> None:
    tasks = Round(pairs("a", "b")[:1], Pace(patience=1.0), 5.0)
    tasks.due(5.0)
    assert tasks.wake == 6.0
    assert tasks.due(5.99) == []
    assert tasks.completed() == []
    tasks.due(6.0)
    (lost,) = tasks.completed()
    assert (lost.sent, lost.received, lost.unreachable, lost.elapsed) == (1, 0, 0, 1.0)
    assert tasks.wake is None
    tasks.answered(("a", 0), 1.5, 6.5)
    assert lost.received == 0


def test_who_is_unreachable_is_not_waited_for() -> None:
    tasks = Round(pairs("a", "b")[:1], Pace(), 0.0)
    tasks.due(0.0)
    tasks.unreachable(("a", 0), 0.01)
    tasks.unreachable(("a", 0), 0.02)
    (outcome,) = tasks.completed()
    assert (outcome.received, outcome.unreachable) == (0, 1)
    assert tasks.wake is None


def test_several_are_sent_at_their_times_whatever_comes_back() -> None:
    tasks = Round(pairs("a", "b")[:1], Pace(count=3, interval=0.4, patience=1.0), 0.0)
    sent = {}
    for now in (0.0, 0.4, 0.7, 0.8):
        sent[now] = [request.number for request in tasks.due(now)]
    assert sent == {0.0: [0], 0.4: [1], 0.7: [], 0.8: [2]}
    for number, time in ((2, 0.004), (0, 0.002)):
        tasks.answered(("a", number), time, 0.9)
    assert tasks.completed() == []
    tasks.due(1.4)
    (outcome,) = tasks.completed()
    assert (outcome.sent, outcome.received) == (3, 2)
    assert outcome.range == pytest.approx((0.002, 0.003, 0.004, 0.001))
    assert outcome.elapsed == 1.4


def test_a_pair_without_answers_has_no_times() -> None:
    assert Round(pairs("a", "b"), Pace(), 0.0).outcomes[0].range == (0.0, 0.0, 0.0, 0.0)


def test_without_pairs_there_is_nothing_to_do() -> None:
    tasks = Round([], Pace(), 0.0)
    assert (tasks.wake, tasks.due(0.0), tasks.outcomes) == (None, [], [])
