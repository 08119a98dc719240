"""Traffic matrices over a fat tree: constant flows, and flows that come and go; what results say of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from program import assert_complete, ran

if TYPE_CHECKING:
    from program import Program

TREE = """
[experiment]
name = "tree"
[topology]
kind = "fat_tree"
k = 4
link = { rate = "50 Mbit/s", delay = "100 us" }
"""
CONSTANT = """
[[demands]]
name = "packets"
model = "gravity"
total = "40 Mbit/s"
masses = { h1 = 3, h16 = 0 }
kind = "udp"
duration = "2 s"
[[demands]]
name = "bytes"
matrix = "matrix.csv"
duration = "2 s"
"""
MATRIX = "source,destination,rate\nh1,h16,5 Mbit/s\nh16,h1,2500000\nh2,h3,1 Mbit/s\n"
ARRIVING = """
[[demands]]
name = "web"
model = "uniform"
load = "30 %"
capacity = "50 Mbit/s"
nodes = ["h1", "h5", "h9", "h13"]
sizes = "web-search"
kind = "tcp"
duration = "3 s"
[[demands]]
name = "small"
model = "uniform"
total = "2 Mbit/s"
nodes = ["h1", "h5", "h9", "h13"]
sizes = "2 kB"
duration = "3 s"
"""


def test_constant_flows_carry_what_the_matrix_says(program: Program) -> None:
    (program.work / "matrix.csv").write_text(MATRIX)
    done = program.run("run", program.write(TREE + CONSTANT))
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith("Demand "))
    assert lines[at + 1].split()[:3] == ["packets", "210", "210"]
    assert lines[at + 2].split()[:5] == ["bytes", "3", "3", "8.5", "Mbit/s"]
    assert len(lines) < 30, "213 flows are not shown one by one"
    (result,) = program.work.glob("runs/*/result.json")
    document = json.loads(result.read_text())
    packets, whole = document["demands"]
    # h16 has no mass: of 16 hosts 15 have pairs.
    assert (packets["flows"], packets["completed"], packets["stopped"]) == (15 * 14, 15 * 14, 0)
    assert packets["offered_bps"] == pytest.approx(40e6, abs=210)
    assert packets["carried_bps"] == pytest.approx(40e6, rel=0.05)
    assert packets["completion_seconds"] is packets["slowdown"] is None
    assert (whole["flows"], whole["completed"], whole["offered_bps"]) == (3, 3, 8_500_000)
    assert whole["carried_bps"] == pytest.approx(8.5e6, rel=0.05)
    names = {flow["name"]: flow["bytes"] for flow in document["flows"]}
    assert names["packets-h1-h2-1"] == pytest.approx(names["packets-h2-h1-15"], rel=0.05)
    assert names["packets-h1-h2-1"] == pytest.approx(3 * names["packets-h2-h3-16"], rel=0.1)
    assert names["bytes-h1-h16-1"] == pytest.approx(1_250_000, rel=0.05)
    loads = document["loads"]
    assert len(loads) == 2 * document["links"]
    predicted = sum(load["predicted_bps"] for load in loads)
    assert sum(load["measured_bps"] for load in loads) == pytest.approx(predicted, rel=0.05)
    drawn = program.run("plot", str(result.parent), "--what", "loads", "-o", "plots", "--json")
    assert drawn.code == 0, drawn.err
    assert drawn.document["files"] == ["plots/loads.svg"]
    assert drawn.document["notes"] == [f"loads: all {len(loads)} links are points, 12 have bars"]
    assert (
        f"{max(load['utilisation'] for load in loads):.1%}" in (program.work / "plots/loads.svg").read_text()
    )


def test_flows_come_and_go_and_are_measured_by_size(program: Program) -> None:
    document = ran(program, TREE + ARRIVING)
    web, small = document["demands"]
    assert_complete(document, web["flows"] + small["flows"], {"queue"})
    for demand in (web, small):
        assert demand["completed"] == demand["flows"] > 10
        times, slowdown = demand["completion_seconds"], demand["slowdown"]
        assert 0 < times["p50"] <= times["p95"] <= times["p99"]
        assert 0.95 < slowdown["p50"] <= slowdown["p95"] <= slowdown["p99"] < 1000
        assert sum(one["flows"] for one in demand["sizes"]) == demand["flows"]
        assert demand["carried_bps"] <= demand["offered_bps"]
    assert small["bytes"] == small["flows"] * 2000
    # 2 Mbit/s are 125 flows of 2 kB a second.
    assert small["flows"] == pytest.approx(375, abs=80)
    assert small["sizes"][1]["flows"] == small["sizes"][2]["flows"] == 0
    middle = web["sizes"][1]
    assert middle["flows"] > 0
    assert middle["slowdown"]["p50"] > 1
    again = program.run("run", f"runs/{document['run']}/scenario.toml", "--json").document
    asked = [(flow["name"], flow["bytes"]) for flow in document["flows"]]
    assert [(flow["name"], flow["bytes"]) for flow in again["flows"]] == asked
    assert [one["offered_bps"] for one in again["demands"]] == [web["offered_bps"], small["offered_bps"]]
