"""Experiments in the background: started, looked at, changed and ended by commands."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from program import PATIENCE, until_running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from program import Program

MOMENTS = 4
LAB = """
[experiment]
name = "lab"
processes = 2
interval = "100 ms"
[topology]
kind = "ring"
nodes = 6
[[flows]]
name = "long"
source = "n1"
destination = "n4"
duration = "1 h"
rate = "20 Mbit/s"
[[flows]]
name = "short"
source = "n2"
destination = "n3"
size = "1 kB"
"""


def up(program: Program, text: str = LAB, *options: str) -> dict[str, Any]:
    done = program.run("up", program.write(text), "--json", *options)
    assert done.code == 0, done.err
    return done.document


def listed(program: Program) -> list[dict[str, Any]]:
    done = program.run("list", "--json")
    assert done.code == 0, done.err
    return list(json.loads(done.out))


def until_nothing_runs(program: Program) -> None:
    deadline = time.monotonic() + PATIENCE
    while program.processes():
        assert time.monotonic() < deadline, program.processes()


def assert_nothing_left(program: Program) -> None:
    left = program.left_behind()
    assert (left["processes"], left["secrets"], left["sockets"], left["temporary"]) == ([], [], [], [])
    assert list((program.state / "experiments").iterdir()) == []


def refused(program: Program, *arguments: str) -> str:
    done = program.run(*arguments)
    assert (done.code, done.out) == (2, ""), done
    assert "Traceback" not in done.err
    return done.err


def test_up_list_status_logs_down(program: Program) -> None:
    started = up(program)
    folder = program.work / started["folder"]
    assert (started["experiment"], started["nodes"], started["flows"]) == ("lab", 6, 2)
    (entry,) = listed(program)
    assert (entry["experiment"], entry["how"], entry["status"]) == ("lab", "up", "running")
    assert (entry["nodes"], entry["links"], entry["flows"]) == (6, 6, 2)
    assert entry["folder"] == str(folder)
    status = program.run("status", "--json").document
    assert (status["nodes"], status["links"], status["troubles"]) == ({"up": 6}, {"up": 6}, [])
    assert [flow["name"] for flow in status["flows"]] == ["long", "short"]
    assert status["run"] == started["run"] == folder.name
    for words in (("list",), ("status",), ("flow", "list"), ("route", "list")):
        done = program.run(*words)
        assert (done.code, done.err) == (0, ""), done
        assert "lab" in done.out or "n1" in done.out
    logs = program.run("logs")
    assert (logs.code, logs.err) == (0, "")
    assert "controller " in logs.out
    assert "supervisor " in logs.out
    assert "flows are handed out" in program.run("logs", "controller").out
    done = program.run("down", "--json")
    assert (done.code, done.err) == (0, ""), done
    result = done.document
    assert result == json.loads((folder / "result.json").read_text())
    assert result["status"] == "passed"
    flows = {flow["name"]: (flow["status"], flow["reason"]) for flow in result["flows"]}
    assert flows["long"] == ("stopped", "the experiment was taken down")
    assert flows["short"] == ("completed", None)
    assert (folder / "series" / "flows.csv").is_file()
    assert "with exit code 0" in (folder / "logs" / "supervisor.log").read_text()
    assert_nothing_left(program)


def test_two_at_once_are_told_apart_and_ended_together(program: Program) -> None:
    up(program)
    up(program, LAB, "--name", "second")
    assert [entry["experiment"] for entry in listed(program)] == ["lab", "second"]
    for words in (("status",), ("logs",), ("down",)):
        assert "lab, second" in refused(program, *words)
    assert program.run("status", "--experiment", "second", "--json").document["experiment"] == "second"
    assert program.run("flow", "stop", "long", "--experiment", "second").code == 0
    done = program.run("down", "--all", "--json")
    assert done.code == 0, done.err
    results = {document["experiment"]: document for document in json.loads(done.out)}
    assert results.keys() == {"lab", "second"}
    reasons = {name: result["flows"][0]["reason"] for name, result in results.items()}
    assert reasons == {"lab": "the experiment was taken down", "second": "the flow was removed"}
    assert_nothing_left(program)


def test_what_is_not_there_is_refused_with_what_is(program: Program) -> None:
    assert "no experiment is running" in refused(program, "status")
    assert "nextmini up" in refused(program, "down")
    assert (listed(program), program.run("down", "--all").code) == ([], 0)
    up(program)
    assert "'lap'" in (said := refused(program, "status", "--experiment", "lap"))
    assert "running: lab" in said
    assert "did you mean long?" in refused(program, "flow", "stop", "lon")
    assert "n1 has links to n2, n6" in refused(program, "route", "add", "n1", "n3")
    assert "dataplane-1" in refused(program, "logs", "dataplane-7")
    assert program.run("down").code == 0


def test_up_twice_is_refused_and_harms_nothing(program: Program) -> None:
    started = up(program)
    said = refused(program, "up", program.write(LAB))
    assert "already running" in said
    assert "--name" in said
    assert [entry["run"] for entry in listed(program)] == [started["run"]]
    assert program.run("down").code == 0


def test_a_scenario_that_cannot_be_is_refused_as_by_run(program: Program) -> None:
    name = program.write(LAB.replace('"20 Mbit/s"', '"20 MB"'))
    assert refused(program, "up", name) == refused(program, "run", name)
    assert not (program.work / "runs").exists()
    assert not program.state.joinpath("postgres").exists()


def test_what_refuses_a_run_refuses_it_in_the_background_too(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(program, "up", program.write(f'{LAB}\n[controller]\nlisten = "127.0.0.1:{port}"\n'))
    assert f"127.0.0.1:{port}" in said
    assert_nothing_left(program)


def test_a_run_in_the_foreground_is_one_too(program: Program) -> None:
    running = program.start("run", program.write(LAB), "--json")
    until_running(program, running, 2)
    (entry,) = listed(program)
    assert (entry["how"], entry["status"]) == ("run", "running")
    added = program.run("route", "add", "n1", "n6", "n5", "n4", "--both", "--weight", "3", "--json")
    assert [(route["path"], route["status"]) for route in json.loads(added.out)] == [
        (["n1", "n6", "n5", "n4"], "installed"),
        (["n4", "n5", "n6", "n1"], "installed"),
    ]
    assert program.run("flow", "stop", "long").code == 0
    done = program.finish(running)  # that was the last flow
    assert done.code == 0, done.err
    flow = next(flow for flow in done.document["flows"] if flow["name"] == "long")
    assert (flow["status"], flow["reason"]) == ("stopped", "the flow was removed")
    assert_nothing_left(program)


def test_down_ends_a_run_in_the_foreground_as_an_interrupt_does(program: Program) -> None:
    running = program.start("run", program.write(LAB), "--json")
    until_running(program, running, 2)
    done = program.run("down", "--json")
    assert (done.code, done.document["status"]) == (0, "interrupted"), done
    assert program.finish(running).code == 130
    assert_nothing_left(program)


def test_a_killed_experiment_is_cleared_away(program: Program) -> None:
    started = up(program)
    os.kill(started["pid"], signal.SIGKILL)
    done = program.run("down")
    assert (done.code, done.out) == (1, ""), done
    assert "lab was killed" in done.err
    until_nothing_runs(program)
    assert_nothing_left(program)


def test_a_killed_experiment_does_not_count(program: Program) -> None:
    started = up(program)
    os.kill(started["pid"], signal.SIGKILL)
    assert "no experiment is running" in refused(program, "status")
    again = up(program)
    assert [entry["run"] for entry in listed(program)] == [again["run"]]
    os.kill(again["pid"], signal.SIGKILL)
    done = program.run("list")
    assert (done.code, done.out) == (0, ""), done
    assert "lab was killed" in done.err
    assert "no experiment is running" in refused(program, "down")
    until_nothing_runs(program)
    assert_nothing_left(program)


def test_an_experiment_that_is_over_by_itself_has_its_result(program: Program) -> None:
    started = up(program, LAB.replace("processes = 2", 'processes = 2\nduration = "300 ms"'))
    until_nothing_runs(program)
    result = json.loads((program.work / started["folder"] / "result.json").read_text())
    assert result["status"] == "passed"
    assert result["flows"][0]["reason"] == "the experiment's duration of 0.3 s was over"
    assert_nothing_left(program)


def test_logs_are_followed_until_the_end(program: Program) -> None:
    up(program)
    following = program.start("logs", "--follow")
    assert following.stdout is not None
    for line in following.stdout:
        if "flows are handed out" in line:
            break
    assert program.run("down").code == 0
    rest, errors = following.communicate(timeout=PATIENCE)
    assert (following.returncode, errors) == (0, "")
    assert "with exit code 0" in rest


def test_following_ends_with_an_interrupt(program: Program) -> None:
    up(program)
    following = program.start("logs", "--follow", "controller")
    assert following.stdout is not None
    assert following.stdout.readline().startswith("controller ")
    following.send_signal(signal.SIGINT)
    assert program.finish(following).code == 130
    assert len(listed(program)) == 1
    assert program.run("down").code == 0


@contextmanager
def starting(program: Program) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """An `up` that waits for its database, which never answers: it is neither up nor refused."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        url = f"postgresql://user:s3cret@127.0.0.1:{server.getsockname()[1]}/db"
        process = program.start("up", program.write(LAB), "--database-url", url)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(PATIENCE)
            yield process, connection


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_takes_down_what_it_began(program: Program, number: signal.Signals) -> None:
    with starting(program) as (process, _):
        (entry,) = listed(program)
        assert (entry["status"], entry["nodes"]) == ("starting", None)
        assert "not in force yet" in refused(program, "flow", "list")
        (registration,) = (program.state / "experiments").glob("*.json")
        assert registration.stat().st_mode & 0o777 == 0o600
        assert "s3cret" not in program.run("list", "--json").out + program.run("status", "--json").out
        process.send_signal(number)
        done = program.finish(process)
    assert (done.code, done.out) == (130, ""), done
    assert "Traceback" not in done.err
    assert_nothing_left(program)


def test_an_up_that_is_killed_takes_its_experiment_along(program: Program) -> None:
    with starting(program) as (process, connection):
        process.kill()
        process.communicate(timeout=PATIENCE)
        while connection.recv(4096):
            pass
    until_nothing_runs(program)
    assert_nothing_left(program)


def test_an_up_whose_process_is_killed_says_so(program: Program) -> None:
    with starting(program) as (process, _):
        (entry,) = listed(program)
        os.kill(entry["pid"], signal.SIGKILL)
        done = program.finish(process)
    assert (done.code, done.out) == (1, ""), done
    assert "SIGKILL" in done.err
    assert listed(program) == []


def test_an_up_interrupted_at_any_moment_is_up_or_leaves_nothing(program: Program) -> None:
    name = program.write(LAB)
    began = time.monotonic()
    assert program.run("up", name).code == 0
    took = time.monotonic() - began
    assert program.run("down").code == 0
    interrupted = 0
    for moment in range(MOMENTS):
        process = program.start("up", name)
        # Not a wait for an event: the moments are to be anywhere.
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=took * (moment + 0.5) / MOMENTS)
        process.send_signal(signal.SIGINT)
        done = program.finish(process)
        # Python itself dies of the signal while it is not yet up to noticing it.
        assert done.code in (0, 130, -signal.SIGINT), done
        assert "Traceback" not in done.err or done.code == -signal.SIGINT, done.err
        interrupted += done.code != 0
        if done.code == 0:
            assert program.run("down").code == 0
        until_nothing_runs(program)
        assert_nothing_left(program)
    assert interrupted > 0


def test_the_run_folder_is_named_as_seen_from_elsewhere(program: Program, tmp_path: Path) -> None:
    started = up(program)
    program.work = tmp_path / "elsewhere"
    program.work.mkdir()
    done = program.run("down")
    assert done.code == 0, done.err
    assert f"Results: {tmp_path / 'work' / started['folder']}" in done.out
