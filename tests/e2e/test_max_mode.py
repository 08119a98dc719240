"""Flows in max mode, as a user sees them: what arrives, what links count, and what becomes of broken ones."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from program import CONFIGS, until_running

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
    # The download has the link for itself in one direction, which is busy all the time.
    (full,) = [link for link in shared if link["from"] == "r4"]
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
    assert reason in broken["reason"] or "its connection broke" in broken["reason"]


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
