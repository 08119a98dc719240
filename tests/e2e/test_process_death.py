"""Dataplane processes that are killed while traffic passes, and what takes their place."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from program import PATIENCE, until_running

if TYPE_CHECKING:
    import subprocess

    from program import Program

RESTART = """
[experiment]
name = "again"
processes = 3
on_process_death = "restart"
[topology]
kind = "line"
nodes = 3
"""
FLOW = """
[[flows]]
name = "{name}"
source = "{source}"
destination = "{destination}"
{rest}
"""
SIZED = 'size = "60 MB"\nrate = "100 Mbit/s"'
KINDS = {
    "lossless": SIZED,
    "tcp": f'kind = "tcp"\n{SIZED}',
    "udp": 'kind = "udp"\nduration = "4 s"\nrate = "1 Mbit/s"',
}
ENDS = {"across": ("n1", "n3"), "from": ("n2", "n3"), "to": ("n1", "n2")}


def all_flows() -> str:
    flows = [
        FLOW.format(name=f"{kind}-{where}", source=source, destination=destination, rest=rest)
        for kind, rest in KINDS.items()
        for where, (source, destination) in ENDS.items()
    ]
    # Every node on the way has a connection of its own.
    through = FLOW.format(name="max", source="n1", destination="n3", rest=f'mode = "max"\n{SIZED}')
    return "".join(flows) + through


def kill(program: Program, process: int) -> None:
    os.kill(program.dataplane(process), signal.SIGKILL)


def until_replaced(program: Program, process: int, before: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while program.processes("nextmini.dataplane", f"--process {process} ") in ([], [before]):
        assert time.monotonic() < deadline


def finish(program: Program, process: subprocess.Popen[str]) -> dict[str, Any]:
    done = program.finish(process)
    assert done.code == 0, (done.err, done.out)
    document: dict[str, Any] = json.loads(done.out)
    return document


def test_flows_go_on_or_begin_again_when_a_process_is_killed(program: Program) -> None:
    process = program.start("run", program.write(RESTART + all_flows()), "--json")
    until_running(program, process, 3)
    kill(program, 1)
    done = program.finish(process)
    bad = [flow for flow in json.loads(done.out)["flows"] if flow["status"] != "completed"]
    assert done.code == 0, [(flow["name"], flow["restarts"], flow["reason"]) for flow in bad]
    assert "note: dataplane process 1 was killed by SIGKILL" in done.err
    assert "it was started again" in done.err
    document = json.loads(done.out)
    assert document["status"] == "passed"
    for flow in document["flows"]:
        kind, _, where = flow["name"].partition("-")
        assert flow["status"] == "completed", flow
        assert flow["restarts"] == (0 if where == "across" else 1), flow
        if kind in ("lossless", "tcp"):
            assert flow["bytes"] == 60_000_000
            assert flow["checksum"].startswith("xxh3:")
    # What the first of the two processes had counted is part of it.
    left = {(entry["from"], entry["to"]): entry["bytes"] for entry in document["link_stats"]}
    assert left["n2", "n3"] >= 4 * 60_000_000


def test_each_process_in_turn_and_flows_that_only_pass_are_whole(program: Program) -> None:
    scenario = RESTART.replace("processes = 3", "processes = 5").replace("nodes = 3", "nodes = 5")
    flow = FLOW.format(name="f", source="n1", destination="n5", rest='size = "300 MB"\nrate = "400 Mbit/s"')
    process = program.start("run", program.write(scenario + flow), "--json")
    until_running(program, process, 5)
    for victim in (1, 2, 3):
        before = program.dataplane(victim)
        kill(program, victim)
        until_replaced(program, victim, before)
    document = finish(program, process)
    (entry,) = document["flows"]
    assert (entry["status"], entry["bytes"], entry["restarts"]) == ("completed", 300_000_000, 0)
    assert entry["checksum"].startswith("xxh3:")


def test_a_process_that_dies_over_and_over_is_given_up(program: Program) -> None:
    flow = FLOW.format(name="f", source="n1", destination="n3", rest='duration = "60 s"\nrate = "1 Mbit/s"')
    process = program.start("run", program.write(RESTART + flow), "--json")
    until_running(program, process, 3)
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None:
        for pid in program.processes("nextmini.dataplane", "--process 2 "):
            os.kill(pid, signal.SIGKILL)
        assert time.monotonic() < deadline
        time.sleep(0.01)
    done = program.finish(process)
    assert done.code == 1
    assert "it has died 5 times within 60 seconds" in done.err
    assert json.loads(done.out)["flows"][0]["status"] == "failed"


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of nodes need root")
def test_programs_go_on_in_nodes_whose_process_is_killed(program: Program) -> None:
    own = program.own
    apps = """
[network]
isolation = "namespace"
[[apps]]
node = "n3"
name = "server"
command = ["iperf3", "-s", "-1"]
ready = "tcp:5201"
background = true
[[apps]]
node = "n2"
name = "client"
command = ["iperf3", "-c", "n3", "-n", "200M", "-b", "400M"]
"""
    scenario = RESTART.replace('"again"', f'"{own}"') + apps
    process = program.start("run", program.write(scenario), "--json")
    until_running(program, process, 3)
    deadline = time.monotonic() + PATIENCE
    while not program.processes("iperf3", "-c"):
        assert time.monotonic() < deadline
    for victim in (1, 2):
        before = program.dataplane(victim)
        kill(program, victim)
        until_replaced(program, victim, before)
    document = finish(program, process)
    (client,) = (app for app in document["apps"] if app["name"] == "client")
    assert client["status"] == "completed"
