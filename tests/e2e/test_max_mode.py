"""Flows in max mode, as a user sees them: what arrives, what links count, and what becomes of broken ones."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from program import CONFIGS, PATIENCE, until_running

if TYPE_CHECKING:
    from program import Program

SIZE = 300_000_000


def scenario(processes: int, flows: str, more: str = "") -> str:
    """A line of seven nodes over so many processes."""
    return f"""
[experiment]
name = "max"
processes = {processes}
[topology]
kind = "line"
nodes = 7
{flows}
{more}
"""


def flow(name: str, source: str, destination: str, **keys: str) -> str:
    said = {"mode": '"max"', **keys}
    words = "".join(f"{key} = {value}\n" for key, value in said.items())
    return f'[[flows]]\nname = "{name}"\nsource = "{source}"\ndestination = "{destination}"\n{words}'


def flows_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in document["flows"]}


@pytest.mark.parametrize("processes", [1, 3])
def test_every_byte_arrives_and_is_counted_by_every_link_on_its_way(program: Program, processes: int) -> None:
    flows = flow("there", "n1", "n7", size='"300 MB"') + flow("back", "n6", "n2", size='"300 MB"')
    flows += flow("beside", "n1", "n7", size='"10 MB"', mode='"normal"')
    done = program.run("run", program.write(scenario(processes, flows)), "--json")
    assert done.code == 0, done.err
    found = flows_of(done.document)
    for name in ("there", "back"):
        assert (found[name]["status"], found[name]["bytes"]) == ("completed", SIZE)
        assert found[name]["goodput_bps"] > 0
    assert found["beside"]["checksum"].startswith("xxh3:")
    links = {(link["from"], link["to"]): link for link in done.document["link_stats"]}
    for at in range(1, 7):
        there, back = links[f"n{at}", f"n{at + 1}"], links[f"n{at + 1}", f"n{at}"]
        assert SIZE + 10_000_000 < there["bytes"] < 1.1 * SIZE + 20_000_000, there
        assert (SIZE < back["bytes"]) == (2 <= at <= 5), back
        assert not any(there["drops"].values())


def test_the_config_shares_a_rate_between_both_modes(program: Program) -> None:
    done = program.run("run", str(CONFIGS / "max-mode.toml"), "--json")
    assert done.code == 0, done.err
    document = done.document
    found = flows_of(document)
    assert {one["status"] for one in found.values()} <= {"completed", "stopped"}
    assert found["near"]["bytes"] == 200_000_000
    shared = [link for link in document["fidelity"]["links"] if {link["from"], link["to"]} == {"r3", "r4"}]
    assert len(shared) == 2
    # The download has the link for itself in one direction, which is busy all the time, unless the machine
    # cannot keep it so: then there is nothing to measure.
    (full,) = [link for link in shared if link["from"] == "r4"]
    if full["rate_bps"] is not None:
        assert full["rate_bps"]["measured"] == pytest.approx(400e6, rel=0.01)
    assert 0 < found["download"]["bytes"] * 8 / 3 < 400e6


def test_links_that_do_more_than_keep_a_rate_are_refused(program: Program) -> None:
    slow = '[[links]]\nends = ["n3", "n4"]\ndelay = "5 ms"\n'
    name = program.write(scenario(1, flow("f", "n1", "n7", size='"1 MB"'), slow))
    done = program.run("validate", name)
    assert done.code == 2
    assert "flows[0].mode" in done.err
    assert "n3 - n4, which is asked for `delay`" in done.err


CRASH = '[[events]]\nat = "300 ms"\nnode = "n4"\ncrash = true\n'
DELAY = '[[events]]\nat = "300 ms"\nlink = ["n3", "n4"]\nset = { delay = "5 ms" }\n'


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize(
    ("event", "reason"),
    [(CRASH, "node 4 of its route went down"), (DELAY, "is asked for more than a rate now")],
)
def test_what_breaks_the_way_of_a_flow_ends_it_and_others_go_on(
    program: Program, processes: int, event: str, reason: str
) -> None:
    flows = flow("broken", "n1", "n7", duration='"1 h"') + flow("whole", "n1", "n3", duration='"1 s"')
    done = program.run("run", program.write(scenario(processes, flows, event)), "--json")
    assert done.code == 1, done.err
    found = flows_of(done.document)
    assert found["whole"]["status"] == "completed"
    broken = found["broken"]
    assert broken["status"] == "failed"
    # Whoever is nearest hears why; behind a connection, that it was reset.
    behind = processes > 1 and "its connection broke" in broken["reason"]
    assert reason in broken["reason"] or behind, broken


def test_a_process_that_dies_breaks_its_flows_and_no_end_is_taken_for_an_orderly_one(
    program: Program,
) -> None:
    flows = flow("broken", "n1", "n7", duration='"1 h"')
    running = program.start("run", program.write(scenario(3, flows)), "--json")
    until_running(program, running, 3)
    os.kill(program.dataplane(1), signal.SIGKILL)
    done = program.finish(running)
    assert done.code == 1, done.err
    (broken,) = done.document["flows"]
    # The run ends with the process, and it is a matter of chance which of the two ends the flow.
    assert broken["status"] in ("failed", "stopped"), broken
    assert "dataplane process 1" in done.err


def test_flows_of_both_modes_share_a_rate_to_the_bit(program: Program) -> None:
    flows = "".join(flow(name, "n1", "n7", duration='"3 s"') for name in ("one", "two"))
    flows += flow("normal", "n1", "n7", duration='"3 s"', mode='"normal"')
    slow = '[[links]]\nends = ["n3", "n4"]\nrate = "100 Mbit/s"\n'
    done = program.run("run", program.write(scenario(1, flows, slow)), "--json")
    assert done.code == 0, done.err
    found = flows_of(done.document)
    (link,) = [one for one in done.document["fidelity"]["links"] if one["from"] == "n3"]
    assert link["rate_bps"]["measured"] == pytest.approx(100e6, rel=0.01)
    # Each has a part of it, and two that do the same have the same.
    assert found["one"]["bytes"] == pytest.approx(found["two"]["bytes"], rel=0.1)
    assert found["normal"]["bytes"] > found["one"]["bytes"] / 4


def test_flows_come_and_go_while_the_network_runs(program: Program) -> None:
    name = program.write(scenario(2, "", '[topology.link]\nrate = "50 Mbit/s"\n'))
    assert program.run("up", name).code == 0
    assert program.run("flow", "add", "n1", "n7", "--mode", "max", "--name", "endless").code == 0
    deadline = time.monotonic() + PATIENCE
    while not (delivered := flow_listed(program)["bytes"]):
        assert time.monotonic() < deadline
    done = program.run("flow", "add", "n7", "n1", "--mode", "max", "--size", "1 MB", "--wait", "--json")
    assert done.code == 0, done.err
    refused = program.run("flow", "add", "n1", "n7", "--mode", "max", "--kind", "udp", "--rate", "1 Mbit/s")
    assert (refused.code, "max mode is for lossless flows" in refused.err) == (2, True)
    assert program.run("flow", "stop", "endless").code == 0
    down = program.run("down", "--json")
    assert down.code == 0, down.err
    found = flows_of(down.document)
    assert {one["status"] for one in found.values()} == {"completed", "stopped"}
    assert found["endless"]["bytes"] >= delivered
    assert found["flow-1"]["bytes"] == 1_000_000


def flow_listed(program: Program) -> dict[str, Any]:
    done = program.run("flow", "list", "--json")
    assert done.code == 0, done.err
    (listed,) = json.loads(done.out)
    return dict(listed)
