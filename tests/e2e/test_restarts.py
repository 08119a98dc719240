"""The database or the controller is killed under traffic, and the network goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from program import assert_complete, until_running

if TYPE_CHECKING:
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


def until_restarted(program: Program, running: Popen[str], name: str, times: int) -> None:
    """Waits until an experiment's log says so often that its database is there again."""
    while running.poll() is None:
        logs = (program.work / "runs").glob(f"{name}-*/logs/controller.log")
        if any(log.read_text().count(RESTARTED) >= times for log in logs):
            return
    raise AssertionError(program.finish(running))


def samples(program: Program, name: str) -> list[datetime]:
    """When flows were measured, by an experiment's time series."""
    (series,) = (program.work / "runs").glob(f"{name}-*/series/flows.csv")
    header, *rows = (line.split(",") for line in series.read_text().splitlines())
    return [datetime.fromisoformat(row[header.index("time")]) for row in rows]


def test_a_database_that_is_killed_twice_comes_back_and_every_flow_completes(program: Program) -> None:
    running = program.start("run", program.write(FLOWING), "--json")
    until_running(program, running, 2)
    for times in (1, 2):
        kill_database(program)
        until_restarted(program, running, "flowing", times)
    back = datetime.now().astimezone()
    done = program.finish(running)
    assert done.code == 0, done.err
    assert_complete(done.document, 2)
    assert "the database server was restarted 2 times" in done.err
    assert "Traceback" not in done.err
    assert max(samples(program, "flowing")) > back - timedelta(seconds=1)
    assert program.processes() == []
