"""`nextmini run`: scenarios of every shape, from file to result."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pyarrow.parquet
import pytest
from program import CONFIGS, assert_complete

from nextmini.scenario import load, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program

KEYS = (
    *("experiment", "run", "folder", "seed", "status", "seconds", "nodes", "links"),
    *(
        "flows",
        "demands",
        "loads",
        "link_stats",
        "paths",
        "apps",
        "algorithms",
        "events",
        "notes",
        "checks",
        "fidelity",
    ),
)


def run(program: Program, scenario: str) -> dict[str, Any]:
    done = program.run("run", scenario, "--json")
    assert done.code == 0, done.err
    return done.document


def asked_bytes(config: Path) -> dict[str, int]:
    """Bytes of the flows that have a size."""
    flows = resolve(load(config)).flows
    return {flow.name: flow.size for flow in flows if flow.size is not None}


def test_the_quickstart_delivers_what_it_was_asked_for_and_keeps_the_proof(program: Program) -> None:
    config = CONFIGS / "quickstart.toml"
    document = run(program, str(config))
    assert tuple(document) == KEYS
    assert_complete(document, len(resolve(load(config)).flows))
    asked = asked_bytes(config)
    assert {flow["name"]: flow["bytes"] for flow in document["flows"] if flow["name"] in asked} == asked
    assert max(len(flow["route"]) for flow in document["flows"]) >= 4
    pairs = [(flow["source"], flow["destination"], tuple(flow["route"])) for flow in document["flows"]]
    assert len(set(pairs)) > len({pair[:2] for pair in pairs}), "a pair's flows use both of its routes"
    fidelity = document["fidelity"]
    assert (fidelity["verdict"], fidelity["reasons"]) == (
        "not_measured",
        ["no link has a rate, a delay or losses"],
    )
    assert fidelity["timer_us"]["max"] > 0
    folder = program.work / document["folder"]
    assert (folder / "result.json").is_file()
    assert resolve(load(folder / "scenario.toml")).flows == resolve(load(config)).flows
    for series in ("links", "flows"):
        table = pyarrow.parquet.read_table(folder / "series" / f"{series}.parquet")
        with (folder / "series" / f"{series}.csv").open() as file:
            assert len(list(csv.DictReader(file))) == table.num_rows > 0
    assert [path.name for path in (folder / "logs").iterdir() if path.name.startswith("dataplane")]


def test_without_json_there_is_a_table_on_standard_output_and_nothing_else(program: Program) -> None:
    done = program.run("run", str(CONFIGS / "quickstart.toml"))
    assert done.code == 0, done.err
    assert "completed" in done.out
    assert "\x1b" not in done.out + done.err


def test_a_thousand_flows_cross_a_ring_of_a_thousand_nodes(program: Program) -> None:
    document = run(program, str(CONFIGS / "ring-1000.toml"))
    assert_complete(document, 1000)
    assert {flow["bytes"] for flow in document["flows"]} == {1_000_000}
    assert max(len(flow["route"]) for flow in document["flows"]) > 400


@pytest.mark.parametrize(
    "network", ["", 'processors = 4\nmapping = "sequential"\n', 'processors = 4\nmapping = "concurrent"\n']
)
def test_a_ring_of_tcp_links_between_five_processes(program: Program, network: str) -> None:
    text = (CONFIGS / "ring-50-tcp.toml").read_text()
    assert "[network]\n" in text
    document = run(program, program.write(text.replace("[network]\n", f"[network]\n{network}")))
    assert_complete(document, 200)
    assert {flow["bytes"] for flow in document["flows"]} == {1_000_000}
    if "concurrent" not in network:
        assert [flow["name"] for flow in document["flows"] if flow["reordered"]] == []


@pytest.mark.parametrize(
    ("topology", "flows"),
    [
        ('kind = "torus"\ndimensions = [4, 4]', 240),
        ('kind = "full_mesh"\nnodes = 12', 132),
        ('kind = "ring"\nnodes = 16', 240),
    ],
    ids=["torus", "full mesh", "ring"],
)
@pytest.mark.parametrize("transport", ["memory", "tcp"])
def test_networks_with_cycles_do_not_lock_up_under_load(
    program: Program, topology: str, flows: int, transport: str
) -> None:
    scenario = f"""
[experiment]
name = "cycles"
[network]
transport = "{transport}"
[topology]
{topology}
[[flows]]
name = "flow"
between = "all_pairs"
size = "400 kB"
"""
    document = run(program, program.write(scenario))
    assert_complete(document, flows)
    assert {flow["bytes"] for flow in document["flows"]} == {400_000}


def test_two_runs_side_by_side_do_not_disturb_each_other(program: Program) -> None:
    ring = program.start("run", str(CONFIGS / "ring-50-tcp.toml"), "--json")
    quickstart = program.start("run", str(CONFIGS / "quickstart.toml"), "--json")
    both = program.finish(ring), program.finish(quickstart)
    for done in both:
        assert done.code == 0, done.err
    assert_complete(both[0].document, 200)
    assert_complete(both[1].document, len(resolve(load(CONFIGS / "quickstart.toml")).flows))
    assert program.processes() == [], "the last to leave stops the database"


def test_flows_are_paced_and_timed_as_asked(program: Program) -> None:
    scenario = """
[experiment]
name = "paced"
[topology]
kind = "line"
nodes = 3
[[flows]]
name = "paced"
source = "n1"
destination = "n3"
duration = "1 s"
rate = "80 Mbit/s"
[[flows]]
name = "late"
source = "n3"
destination = "n1"
size = "1 MB"
start = "500 ms"
"""
    document = run(program, program.write(scenario))
    assert_complete(document, 2)
    paced = document["flows"][0]
    # 10 MB in all; a busy machine may send less, never more than a burst beyond.
    assert 0 < paced["bytes"] < 10_200_000
    assert paced["seconds"] >= 1.0
    # The run counts from when it hears that flows have begun, which is a moment later.
    assert document["seconds"] >= 0.9
