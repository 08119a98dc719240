"""What built-in algorithms make of a network that runs, beside what comes out by hand."""

from __future__ import annotations

import csv
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from program import CONFIGS

if TYPE_CHECKING:
    from program import Program


def rates(program: Program, document: dict[str, Any], after: float) -> dict[str, float]:
    """What arrived of each flow in bit/s, from the first sample that came so long after the very first."""
    with (program.work / document["folder"] / "series" / "flows.csv").open(encoding="utf-8") as file:
        rows = [
            (datetime.fromisoformat(row["time"]).timestamp(), row["flow"], int(row["acknowledged"]))
            for row in csv.DictReader(file)
        ]
    begin = min(time for time, _, _ in rows) + after
    found = {}
    for name in {name for _, name, _ in rows}:
        counted = [(time, count) for time, flow, count in rows if flow == name and time >= begin]
        (first, before), (last, then) = counted[0], counted[-1]
        found[name] = (then - before) * 8 / (last - first)
    return found


def test_water_filling_gives_the_rates_that_were_computed_by_hand(program: Program) -> None:
    """Those of the comment in the scenario, after ten intervals of 100 ms."""
    document = program.run("run", str(CONFIGS / "water-filling.toml"), "--json").document
    assert document["status"] == "passed"
    data = 1460 / 1500
    by_hand = {"both": 10e6 * data, "first": 20e6 * data, "second": 10e6 * data}
    assert rates(program, document, after=1.0) == pytest.approx(by_hand, rel=0.02)


def test_a_linear_program_splits_flows_three_to_one(program: Program) -> None:
    document = program.run("run", str(CONFIGS / "multicommodity.toml"), "--json").document
    assert document["status"] == "passed"
    over_b = sum(flow["route"] == ["a", "b", "d"] for flow in document["flows"])
    over_c = sum(flow["route"] == ["a", "c", "d"] for flow in document["flows"])
    assert over_b + over_c == 40
    # Which way each of them goes, its hash decides: 30 of 40, and with a probability of 0.999 from 20 to 38.
    assert 20 <= over_b <= 38


def test_large_flows_that_could_have_a_path_each_have_one(program: Program) -> None:
    """Two hosts behind one leaf send to two behind the other, and there are two spines."""
    scenario = program.write("""
[experiment]
name = "placed"
interval = "100 ms"
[[algorithms]]
use = "large-flows"
[topology]
kind = "leaf_spine"
leaves = 2
spines = 2
hosts = 2
link = { rate = "20 Mbit/s" }
[[flows]]
name = "one"
source = "h1"
destination = "h3"
duration = "3 s"
[[flows]]
name = "other"
source = "h2"
destination = "h4"
duration = "3 s"
""")
    document = program.run("run", scenario, "--json").document
    spines = {next(node for node in flow["route"] if node.startswith("spine")) for flow in document["flows"]}
    assert spines == {"spine1", "spine2"}
    assert document["algorithms"][0]["status"] == "stopped"


def test_routes_follow_a_delay_that_changes(program: Program) -> None:
    document = program.run("run", str(CONFIGS / "shortest-path.toml"), "--json").document
    assert document["status"] == "passed"
    assert document["flows"][0]["route"] == ["left", "far", "right"]
    carried = {(link["from"], link["to"]): link["bytes"] for link in document["link_stats"]}
    assert carried["left", "near"] > 500_000, "it began over `near`"
    assert carried["left", "far"] > 500_000


def test_the_load_of_every_link_is_near_what_was_predicted(program: Program) -> None:
    """Many small flows, spread over weighted routes: what they were to carry is what links have counted."""
    document = program.run("run", str(CONFIGS / "te-abilene.toml"), "--json").document
    assert document["status"] == "passed"
    loads = document["loads"]
    assert len(loads) == 2 * document["links"]
    predicted = sum(load["predicted_bps"] for load in loads)
    off = sum(abs(load["measured_bps"] - load["predicted_bps"]) for load in loads)
    # Flows are whole, and acknowledgements of about 3 % are not predicted.
    assert off < 0.15 * predicted
    assert max(load["predicted_utilisation"] for load in loads) < 1
