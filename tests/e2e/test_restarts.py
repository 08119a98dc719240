"""The database or the controller is killed under traffic, and the network goes on."""

from __future__ import annotations

import csv
import json
import os
import signal
import time
from datetime import datetime
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
ENDLESS = FLOWING.replace('"4 s"', '"600 s"')
RESTARTED = "was started again"


def kill_database(program: Program) -> None:
    os.kill(program.database(), signal.SIGKILL)


def until_logged(program: Program, name: str, words: str, times: int) -> None:
    """Waits until the log of an experiment has these words so often."""
    deadline = time.monotonic() + PATIENCE
    while True:
        logs = (program.work / "runs").glob(f"{name}-*/logs/controller.log")
        texts = [log.read_text() for log in logs]
        if any(text.count(words) >= times for text in texts):
            return
        assert time.monotonic() < deadline, texts


def samples(program: Program, name: str) -> list[datetime]:
    """When flows were measured, by an experiment's time series."""
    (series,) = (program.work / "runs").glob(f"{name}-*/series/flows.csv")
    with series.open(newline="") as file:
        return [datetime.fromisoformat(row["time"]) for row in csv.DictReader(file)]


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


def test_a_run_passes_although_its_database_was_killed_and_so_do_others_that_share_it(
    program: Program,
) -> None:
    assert program.run("up", program.write(ENDLESS), "--name", "other").code == 0
    running = program.start("run", program.write(FLOWING), "--json")
    until_logged(program, "flowing", "flows are handed out", 1)
    kill_database(program)
    done = program.finish(running)
    assert done.code == 0, done.err
    assert_complete(done.document, 2)
    assert "the database server was restarted once" in done.err
    assert "Traceback" not in done.err
    until_logged(program, "other", RESTARTED, 1)
    assert rows(program, "other")["f"]["status"] == "running"
    down = program.run("down")
    assert down.code == 0, down.err
    assert program.processes() == []


def test_changes_are_obeyed_and_measured_after_the_database_was_killed_twice(program: Program) -> None:
    assert program.run("up", program.write(ENDLESS)).code == 0
    for times in (1, 2):
        kill_database(program)
        until_logged(program, "flowing", RESTARTED, times)
    back = datetime.now().astimezone()
    changed = program.run("link", "n2", "n3", "down")
    assert changed.code == 0, changed.err
    added = program.run("flow", "add", "n4", "n6", "--size", "1 MB", "--name", "late", "--wait")
    assert added.code == 0, added.err
    shown = program.run("status", "--json").document
    assert ("link", "n2 - n3", "down") in [(t["kind"], t["name"], t["status"]) for t in shown["troubles"]]
    flows = {flow["name"]: (flow["status"], flow["bytes"]) for flow in shown["flows"]}
    assert flows["f"][0] == "running"
    assert (flows["short"], flows["late"]) == (("completed", 100_000), ("completed", 1_000_000))
    down = program.run("down")
    assert down.code == 0, down.err
    assert max(samples(program, "flowing")) > back
    assert program.processes() == []


def test_a_database_whose_data_are_gone_ends_the_run_with_its_results(program: Program) -> None:
    running = program.start("run", program.write(ENDLESS), "--json")
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


def test_a_killed_controller_is_followed_by_another_one_that_goes_on(program: Program) -> None:
    scenario = program.write(FLOWING.replace('"4 s"', '"6 s"'))
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
    # All of 6 s: it was neither cut off nor begun anew.
    assert flows["f"]["bytes"] > 0.9 * 6 * 20e6 / 8
    second.send_signal(signal.SIGINT)
    done = program.finish(second)
    assert done.code == 130, done.err
    for process in joined:
        left = program.finish(process)
        assert left.code == 0, left.err
        assert left.err.count("forwarding goes on") >= 1
    assert program.processes() == []
    assert program.left_behind()["secrets"] == []
