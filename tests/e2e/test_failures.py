"""What goes wrong, and what is said of it: in time, in words, and with nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from program import PATIENCE, until_running

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program

GOOD = """
[experiment]
name = "good"
duration = "60 s"
processes = 2
[topology]
kind = "ring"
nodes = 6
[[flows]]
name = "f"
source = "n1"
destination = "n4"
rate = "20 Mbit/s"
[[flows]]
name = "untouched"
source = "n2"
destination = "n3"
size = "1 kB"
"""


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("duration", "duratoin", 4, ["experiment.duratoin", "duration"]),
        ('"60 s"', '"60 parsecs"', 4, ["experiment.duration", "parsecs"]),
        ('"60 s"', "60", 4, ["experiment.duration", "unit"]),
        ('"20 Mbit/s"', '"20 MB"', 13, ["rate", "Mbit/s"]),
        ('"n4"', '"n9"', 12, ["destination", "n9"]),
        ('"n4"', '"n1"', 12, ["n1"]),
        ('"untouched"', '"f"', 15, ["name", '"f"']),
        ('kind = "ring"', 'kind = "rnig"', 7, ["topology.kind", "ring"]),
        ("nodes = 6", 'nodes = 6\n[[checks]]\nname = "here"', 9, ["checks", "not in this version"]),
        ("nodes = 6", 'nodes = 6\n[[sites]]\nname = "here"', 9, ["sites", "no node is at this site"]),
        ("nodes = 6", 'nodes = 6\n[[links]]\nends = ["n1", "n1"]', 10, ["n1"]),
        (
            'kind = "ring"\nnodes = 6',
            'kind = "custom"\nnodes = ["n1", "n2", "n3", "n4"]\n[[links]]\nends = ["n1", "n2"]',
            None,
            ["n4"],
        ),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_scenario_that_cannot_be_is_refused_at_its_line_and_nothing_starts(
    program: Program, before: str, after: str, line: int | None, words: list[str]
) -> None:
    assert before in GOOD
    name = program.write(GOOD.replace(before, after, 1))
    before_run = program.left_behind()
    for command in ("run", "validate"):
        done = program.run(command, name)
        assert (done.code, done.out) == (2, ""), done
        assert f"{name}:{line}: " in done.err if line else f"{name}:" in done.err, done.err
        for word in words:
            assert word in done.err, done.err
        assert "Traceback" not in done.err
    assert program.left_behind() == before_run
    assert not (program.work / "runs").exists()
    assert not (program.state / "postgres").exists()


def test_a_port_in_use_is_named(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        scenario = GOOD + f'\n[controller]\nlisten = "127.0.0.1:{port}"\n'
        done = program.run("run", program.write(scenario))
    assert done.code == 2, done
    assert f"127.0.0.1:{port}" in done.err
    assert program.processes() == []


def test_a_second_controller_of_an_experiment_is_refused(program: Program) -> None:
    name = program.write(GOOD)
    first = program.start("run", name)
    until_running(program, first, 2)
    second = program.run("run", name)
    assert second.code == 2
    assert "good" in second.err
    assert "--name" in second.err
    first.send_signal(signal.SIGINT)
    assert program.finish(first).code == 130
    assert program.processes() == []


def test_a_killed_dataplane_process_fails_the_flows_that_touch_it(program: Program) -> None:
    running = program.start("run", program.write(GOOD), "--json")
    until_running(program, running, 2)
    os.kill(program.dataplane(1), signal.SIGKILL)
    done = program.finish(running)
    assert done.code == 1, done.err
    assert "process 1" in done.err
    assert "SIGKILL" in done.err
    document = done.document
    assert document["status"] == "failed"
    flow = next(flow for flow in document["flows"] if flow["name"] == "f")
    assert flow["status"] == "failed"
    assert "process 1" in flow["reason"]
    left = program.left_behind()
    assert (left["processes"], left["secrets"], left["sockets"]) == ([], [], [])


def test_a_killed_run_leaves_nothing_that_stops_the_next(program: Program) -> None:
    name = program.write(GOOD)
    running = program.start("run", name)
    until_running(program, running, 2)
    dataplanes = program.processes("nextmini.dataplane")
    assert len(dataplanes) == 2
    running.kill()
    running.communicate(timeout=PATIENCE)
    until_gone(program, dataplanes)
    again = program.run("run", program.write(GOOD.replace('"60 s"', '"100 ms"')))
    assert again.code == 0, again.err
    assert program.processes() == []


def test_a_wrong_token_and_a_process_too_many_are_turned_away(program: Program, tmp_path: Path) -> None:
    controller = program.start("controller", program.write(GOOD))
    assert controller.stderr is not None
    url = token = None
    for line in controller.stderr:
        url = url or next((word for word in line.split() if word.startswith("ws://")), None)
        token = token or next((word for word in line.split() if word.endswith("/token")), None)
        if url and token:
            break
    assert url, "the controller prints its address"
    assert token, "the controller prints where the token is"
    wrong = tmp_path / "wrong"
    wrong.write_text("no such token\n")
    refused = program.run("dataplane", "--controller", url, "--token-file", str(wrong), "--process", "0")
    assert refused.code != 0
    assert "token" in refused.err
    assert "no such token" not in refused.err
    surplus = program.run("dataplane", "--controller", url, "--token-file", token, "--process", "7")
    assert surplus.code != 0
    assert "7" in surplus.err
    joined = [
        program.start("dataplane", "--controller", url, "--token-file", token, "--process", str(n))
        for n in (0, 1)
    ]
    for process in joined:
        assert process.poll() is None
    controller.send_signal(signal.SIGINT)
    controller.communicate(timeout=PATIENCE)
    assert controller.returncode in (0, 130)
    for process in joined:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert program.processes() == []


def test_a_broken_pipe_ends_a_run_quietly(program: Program) -> None:
    name = program.write(GOOD.replace('"60 s"', '"100 ms"'))
    running = program.start("run", name, "--json")
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    with running.stderr as stderr:
        errors = stderr.read()
    running.wait(timeout=PATIENCE)
    assert "Traceback" not in errors, errors
    assert program.processes() == []


def until_gone(program: Program, pids: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE
    while set(pids) & set(program.processes()):
        assert time.monotonic() < deadline, subprocess.run(
            ["ps", "aux"], capture_output=True, check=False
        ).stdout
