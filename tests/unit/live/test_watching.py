"""What is read again after which changes, and what is shown of an experiment that is not ready."""

from __future__ import annotations

from nextmini.live.status import heading
from nextmini.live.watching import Stale, stale
from nextmini.store import RESYNC, Change, Registration

NODES = Change("nodes", "update", frozenset({1}))


def test_only_what_has_changed_is_read_again() -> None:
    assert stale([]) == Stale(frozenset(), states=False, rates=False, run=False)
    assert stale([NODES]) == Stale(frozenset({NODES}), states=False, rates=False, run=False)
    found = stale([Change("link_state", "update", frozenset({1}))])
    assert found == Stale(frozenset(), states=True, rates=False, run=False)
    sample = Change("flow_metrics", "insert", frozenset({1}))
    assert (stale([sample]).rates, stale([sample]).states) == (True, False)
    assert stale([Change("runs", "update", None)]).run


def test_after_a_break_everything_is_read_again() -> None:
    assert stale([NODES, RESYNC]) == Stale(frozenset({NODES, RESYNC}), states=True, rates=True, run=True)


def test_what_is_told_without_the_database() -> None:
    found = Registration("lab", "lab-1", "up", 7, None, None, "2026-01-02T03:04:05+00:00")
    assert (heading(found)["status"], heading(found)["metrics"]) == ("starting", None)
    assert heading(found, "passed")["status"] == "passed"
