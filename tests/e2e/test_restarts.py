"""The database or the controller is killed under traffic, and the network goes on."""

from __future__ import annotations

import csv
import json
import os
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from program import PATIENCE, assert_complete, until_running

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import Popen

    from program import Program

FLOWING = """
[experiment]
name = "flowing"
processes = 2
[topology]
kind = "ring"
nodes = 6
[[flows]]
name = "f"
source = "n1"
destination = "n4"
rate = "20 Mbit/s"
duration = "4 s"
[[flows]]
name = "short"
source = "n2"
destination = "n5"
size = "100 kB"
"""
RESTARTED = "was started again"


def kill_database(program: Program) -> None:
    os.kill(program.database(), signal.SIGKILL)


def until_logged(program: Program, running: Popen[str], name: str, words: str, times: int) -> None:
    """Waits until the log of an experiment has these words so often."""
    while running.poll() is None:
        logs = (program.work / "runs").glob(f"{name}-*/logs/controller.log")
        if any(log.read_text().count(words) >= times for log in logs):
            return
    raise AssertionError(program.finish(running))


def samples(program: Program, name: str) -> list[datetime]:
    """When flows were measured, by an experiment's time series."""
    (series,) = (program.work / "runs").glob(f"{name}-*/series/flows.csv")
    with series.open(newline="") as file:
        return [datetime.fromisoformat(row["time"]) for row in csv.DictReader(file)]


def test_a_database_that_is_killed_twice_comes_back_and_every_flow_completes(program: Program) -> None:
    running = program.start("run", program.write(FLOWING), "--json")
    until_running(program, running, 2)
    for times in (1, 2):
        kill_database(program)
        until_logged(program, running, "flowing", RESTARTED, times)
    back = datetime.now().astimezone()
    done = program.finish(running)
    assert done.code == 0, done.err
    assert_complete(done.document, 2)
    assert "the database server was restarted 2 times" in done.err
    assert "Traceback" not in done.err
    assert max(samples(program, "flowing")) > back - timedelta(seconds=1)
    assert program.processes() == []


def test_experiments_that_share_a_database_go_on_when_it_is_killed(program: Program) -> None:
    names = ("flowing", "other")
    scenario = program.write(FLOWING.replace("processes = 2", "processes = 1").replace('"4 s"', '"6 s"'))
    both = {name: program.start("run", scenario, "--name", name, "--json") for name in names}
    for name, running in both.items():
        until_logged(program, running, name, "flows are handed out", 1)
    kill_database(program)
    for name, running in both.items():
        until_logged(program, running, name, RESTARTED, 1)
    for running in both.values():
        done = program.finish(running)
        assert done.code == 0, done.err
        assert_complete(done.document, 2)
        assert "the database server was restarted once" in done.err
    assert program.processes() == []


def test_changes_are_obeyed_after_the_database_was_killed(program: Program) -> None:
    endless = FLOWING.replace('"4 s"', '"600 s"')
    assert program.run("up", program.write(endless)).code == 0
    kill_database(program)
    changed = program.run("link", "n2", "n3", "down")
    assert changed.code == 0, changed.err
    shown = program.run("status", "--json").document
    assert ("link", "n2 - n3", "down") in [(t["kind"], t["name"], t["status"]) for t in shown["troubles"]]
    assert {flow["name"]: flow["status"] for flow in shown["flows"]}["f"] == "running"
    down = program.run("down")
    assert down.code == 0, down.err
    assert program.processes() == []


def test_a_database_whose_data_are_gone_ends_the_run_with_its_results(program: Program) -> None:
    running = program.start("run", program.write(FLOWING.replace('"4 s"', '"60 s"')), "--json")
    until_running(program, running, 2)
    server = program.database()
    (program.state / "postgres/data").rename(program.home / "elsewhere")
    os.kill(server, signal.SIGKILL)
    done = program.finish(running)
    assert done.code == 1, done.err
    assert "data folder" in done.err
    assert "was removed" in done.err
    for noise in ("Traceback", "Unknown child"):
        assert noise not in done.err, done.err
    assert done.document["status"] == "failed"
    assert program.processes() == []


def until_told(controller: Popen[str]) -> tuple[str, str]:
    """The address and the token file of a controller by itself, once it serves."""
    assert controller.stderr is not None
    told: dict[str, str] = {}
    for line in controller.stderr:
        name, _, value = line.strip().partition(": ")
        told[name] = value
        if "token file" in told:
            return told["controller"], told["token file"]
    raise AssertionError(told)


def rows(program: Program, name: str) -> dict[str, dict[str, Any]]:
    """The flows of an experiment, by name."""
    found = program.run("flow", "list", "--experiment", name, "--json")
    assert found.code == 0, found.err
    return {row["name"]: row for row in json.loads(found.out)}


def until_flows(program: Program, name: str, is_so: Callable[[dict[str, dict[str, Any]]], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so(flows := rows(program, name)):
        assert time.monotonic() < deadline, flows


def test_a_killed_controller_is_followed_by_another_one_that_goes_on(program: Program) -> None:
    scenario = program.write(FLOWING.replace('"4 s"', '"8 s"'))
    first = program.start("controller", scenario)
    url, token = until_told(first)
    secret = Path(token).read_text()
    joined = [
        program.start("dataplane", "--controller", url, "--token-file", token, "--process", str(number))
        for number in (0, 1)
    ]
    until_flows(program, "flowing", lambda flows: flows["short"]["status"] == "completed")
    first.kill()
    first.communicate(timeout=PATIENCE)
    second = program.start("controller", scenario)
    assert until_told(second) == (url, token)
    assert Path(token).read_text() == secret
    until_flows(program, "flowing", lambda flows: flows["f"]["status"] == "completed")
    flows = rows(program, "flowing")
    assert flows["short"]["bytes"] == 100_000
    # All of 8 s: it was neither cut off nor begun anew.
    assert flows["f"]["bytes"] > 0.9 * 8 * 20e6 / 8
    second.send_signal(signal.SIGINT)
    done = program.finish(second)
    assert done.code == 130, done.err
    for process in joined:
        left = program.finish(process)
        assert left.code == 0, left.err
        assert left.err.count("forwarding goes on") >= 1
    assert program.processes() == []
    assert program.left_behind()["secrets"] == []
