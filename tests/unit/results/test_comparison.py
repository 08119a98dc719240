"""Runs beside each other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextmini.results.comparison import Recorded, change, compare
from nextmini.results.differences import scenario_differences
from nextmini.results.finding import ResultError
from nextmini.results.tolerance import parse_tolerance


def flow(name: str, goodput: int, seconds: float = 1.0, status: str = "completed") -> dict[str, Any]:
    return {
        "name": name,
        "status": status,
        "goodput_bps": goodput,
        "seconds": seconds,
        "bytes": 100,
        "retransmitted": 1,
    }


def link(a: str, b: str, bytes: int, **drops: int) -> dict[str, Any]:
    return {"from": a, "to": b, "bytes": bytes, "drops": {"queue": 0, "loss": 0} | drops}


def run(
    id: str,
    flows: list[dict[str, Any]],
    links: list[dict[str, Any]],
    rates: dict[tuple[str, str], int] | None = None,
) -> Recorded:
    return Recorded(id, {"seconds": 2.0, "flows": flows, "link_stats": links}, {}, rates or {})


ONE = run(
    "one",
    [flow("a", 100), flow("b", 200, 3.0), flow("gone", 5)],
    [link("x", "y", 1000, loss=2)],
    {("x", "y"): 8000},
)
TWO = run(
    "two",
    [flow("a", 110), flow("b", 0, 0.0, "failed"), flow("new", 5), flow("new", 6)],
    [link("x", "y", 500, loss=1, queue=4), link("y", "x", 1)],
    {("x", "y"): 4000},
)


def test_flows_are_compared_by_name() -> None:
    a, b = compare(ONE, TWO)["flows"]
    assert (a["name"], a["goodput_bps"]) == (
        "a",
        {"before": 100, "after": 110, "difference": 10, "relative": pytest.approx(0.1)},
    )
    assert b["goodput_bps"]["relative"] == -1
    assert b["status"] == {"before": "completed", "after": "failed"}


def test_links_are_compared_by_direction_with_their_use() -> None:
    (xy,) = compare(ONE, TWO)["links"]
    assert (xy["from"], xy["to"]) == ("x", "y")
    assert (xy["bytes"]["difference"], xy["drops"]["before"], xy["drops"]["after"]) == (-500, 2, 5)
    assert (xy["utilisation"]["before"], xy["utilisation"]["after"]) == (0.5, 0.5)
    (plain,) = compare(run("r", [], [link("x", "y", 1)]), TWO)["links"]
    assert plain["utilisation"] == {"before": None, "after": 0.5, "difference": None, "relative": None}


def test_what_exists_only_in_one_is_named() -> None:
    made = compare(ONE, TWO)
    assert made["only_before"] == {"flows": ["gone"], "links": []}
    assert made["only_after"] == {"flows": ["new", "new #2"], "links": [("y", "x")]}


def test_totals_and_completion_times() -> None:
    made = compare(ONE, TWO)
    assert (made["totals"]["completed"]["before"], made["totals"]["completed"]["after"]) == (3, 3)
    assert made["totals"]["failed"]["relative"] is None
    assert made["totals"]["drops"]["difference"] == 3
    assert made["completion_seconds"]["p50"]["before"] == 1.0
    assert made["completion_seconds"]["p95"]["before"] == pytest.approx(2.8)
    nobody = run("none", [flow("a", 0, 0.0, "stopped")], [])
    assert compare(nobody, ONE)["completion_seconds"]["p99"]["before"] is None


@pytest.mark.parametrize(
    ("tolerance", "beyond"),
    [(0.5, ["b", "gone", "new", "new #2"]), (0.05, ["a", "b", "gone", "new", "new #2"])],
)
def test_flows_beyond_the_tolerance(tolerance: float, beyond: list[str]) -> None:
    assert compare(ONE, TWO, tolerance)["beyond_tolerance"] == beyond
    assert "beyond_tolerance" not in compare(ONE, TWO)


def test_from_nothing_to_something_is_beyond_any_tolerance() -> None:
    nothing, something = run("r", [flow("a", 0)], []), run("s", [flow("a", 1)], [])
    assert compare(nothing, something, 1.0)["beyond_tolerance"] == ["a"]
    assert compare(nothing, nothing, 0.0)["beyond_tolerance"] == []


NUMBERS = st.one_of(st.none(), st.integers(-(10**12), 10**12))


@given(NUMBERS, NUMBERS)
def test_changes_go_both_ways(before: int | None, after: int | None) -> None:
    there, back = change(before, after), change(after, before)
    if before is None or after is None:
        assert (there["difference"], there["relative"], back["difference"]) == (None, None, None)
        return
    assert there["difference"] == after - before == -(back["difference"] or 0)
    if before:
        assert there["relative"] is not None
        assert before + there["relative"] * abs(before) == pytest.approx(after, abs=1e-3)
    else:
        assert there["relative"] == (None if after else 0)


SCENARIO: dict[str, Any] = {
    "experiment": {"name": "lab", "seed": 1},
    "links": [{"ends": ["a", "b"], "rate": "1 Mbit/s"}, {"ends": ["b", "c"], "forward": {"delay": "1 ms"}}],
    "flows": [{"name": "f", "size": "1 kB"}],
    "events": [{"at": "1 s", "node": "a"}],
    "classes": [],
}


def test_scenarios_differ_by_keys_of_named_rows() -> None:
    other = {
        "experiment": {"name": "lab", "seed": 2},
        "links": [
            {"ends": ["b", "c"], "forward": {"delay": "2 ms"}},
            {"ends": ["a", "b"], "rate": "1 Mbit/s"},
        ],
        "flows": [{"name": "f", "size": "1 kB", "start": "1 s"}],
        "events": [{"at": "2 s", "node": "a"}],
        "classes": [],
    }
    found = {
        entry["key"]: (entry["before"], entry["after"]) for entry in scenario_differences(SCENARIO, other)
    }
    assert found == {
        "experiment.seed": (1, 2),
        "links[b - c].forward.delay": ("1 ms", "2 ms"),
        "flows[f].start": (None, "1 s"),
        "events[0].at": ("1 s", "2 s"),
    }
    assert scenario_differences(SCENARIO, SCENARIO) == []


def test_a_row_that_is_only_in_one_shows_all_of_its_keys() -> None:
    fewer = SCENARIO | {"flows": []}
    assert [entry["key"] for entry in scenario_differences(SCENARIO, fewer)] == [
        "flows[f].name",
        "flows[f].size",
        "flows",
    ]


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("5 %", 0.05), ("0.05", 0.05), ("0", 0)])
def test_tolerances_are_shares(text: str, share: float) -> None:
    assert parse_tolerance(text) == share


@pytest.mark.parametrize("text", ["", "much", "-1 %", "200 %", "nan", "5 kB"])
def test_other_tolerances_are_refused(text: str) -> None:
    with pytest.raises(ResultError, match="--tolerance"):
        parse_tolerance(text)
