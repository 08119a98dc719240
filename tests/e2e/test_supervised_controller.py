"""A controller by itself that dies is started again by its parent, and goes on with its run."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from held import held, result
from labs import sql, until_rows
from program import PATIENCE
from test_restarts import rows, until_flows

if TYPE_CHECKING:
    from program import Program

FLOWING = """
[experiment]
name = "held"
processes = 2
[topology]
kind = "ring"
nodes = 6
[[flows]]
name = "sized"
source = "n1"
destination = "n4"
size = "15 MB"
rate = "30 Mbit/s"
[[flows]]
name = "back"
source = "n5"
destination = "n2"
size = "15 MB"
rate = "30 Mbit/s"
"""
EVENTS = """
[[events]]
at = "100 ms"
link = ["n1", "n2"]
set = { delay = "1 ms" }
duration = "3 s"
[[events]]
at = "500 ms"
link = ["n1", "n6"]
down = true
duration = "2 s"
"""
# Started by a parent that is told to have a defect, once, when a file is there.
DEFECTIVE = """
import sys
from pathlib import Path
from nextmini.cli.main import main
from nextmini.controller.controller import Controller

flag, read = Path(sys.argv[1]), Controller._read_desired

async def broken(self):
    if flag.exists():
        flag.unlink()
        raise ZeroDivisionError("on purpose")
    await read(self)

Controller._read_desired = broken
main(sys.argv[sys.argv.index("nextmini.cli.main") + 1 :])
"""


def assert_whole(program: Program) -> None:
    """Both flows brought all of it, once."""
    for flow in result(program, "held")["flows"]:
        assert (flow["status"], flow["bytes"]) == ("completed", 15_000_000), flow
        assert flow["checksum"].startswith("xxh3:")


async def until_undone(program: Program) -> None:
    """Waits until both events are over, and everything is as it was."""
    async with sql(program, "held") as connection:
        statuses = "SELECT status FROM event_state ORDER BY event"
        await until_rows(connection, statuses, lambda rows: rows == [("undone",)] * 2)
        links = await connection.fetch("SELECT DISTINCT up, forward, backward FROM links")
        assert [tuple(row) for row in links] == [(True, "{}", "{}")]


def both(*statuses: str) -> Any:
    """Whether the flows of an experiment have these."""
    return lambda flows: all(flow["status"] in statuses for flow in flows.values())


def test_flows_go_on_under_a_controller_that_is_killed_twice(program: Program) -> None:
    with held(program, FLOWING + EVENTS) as lab:
        secret = lab.token_file.read_text()
        # What was read is what counts, whatever becomes of the file.
        (program.work / "scenario.toml").write_text("nonsense")
        until_flows(program, "held", both("running", "completed"))
        for _ in range(2):
            before = lab.child
            os.kill(before, signal.SIGKILL)
            lab.until_served(before)
        assert lab.token_file.read_text() == secret
        until_flows(program, "held", both("completed"))
        asyncio.run(until_undone(program))
        done = lab.end()
    assert done.code == 130, done.err
    # Its address was printed before, and has not changed.
    assert done.out == ""
    assert done.err.count("was killed by SIGKILL; it is started again") == 2
    assert "note: the controller was restarted 2 times" in done.err
    assert "Traceback" not in done.err
    assert_whole(program)
    found = result(program, "held")
    assert found["notes"] == ["the controller was restarted 2 times; the time series have gaps there"]
    assert [(event["status"], event["reason"]) for event in found["events"]] == [("applied", None)] * 2
    assert program.processes() == []


def test_one_with_a_defect_leaves_the_run_to_the_next(program: Program) -> None:
    flag = program.home / "flag"
    with held(program, FLOWING, under=(sys.executable, "-c", DEFECTIVE, str(flag))) as lab:
        secret = lab.token_file.read_text()
        until_flows(program, "held", both("running", "completed"))
        before = lab.child
        flag.touch()
        added = program.run("flow", "add", "n3", "n6", "--size", "1 kB", "--name", "late")
        assert added.code == 0, added.err
        lab.until_served(before)
        assert lab.token_file.read_text() == secret
        until_flows(program, "held", both("completed"))
        assert rows(program, "held")["late"]["bytes"] == 1000
        done = lab.end()
    assert done.code == 130, done.err
    assert "ZeroDivisionError: on purpose" in done.err
    assert "ended with a defect in nextmini (please report it" in done.err
    assert "note: the controller was restarted once" in done.err


def test_five_deaths_within_a_minute_are_the_end(program: Program) -> None:
    parent = program.start("controller", program.write(FLOWING))
    killed: set[int] = set()
    while parent.poll() is None:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        for child in set(map(int, children)) - killed:
            os.kill(child, signal.SIGKILL)
            killed.add(child)
    done = program.finish(parent)
    assert done.code == 1
    assert len(killed) == 5
    assert "was killed by SIGKILL: it has died 5 times within 60 seconds" in done.err
    assert done.err.count("it is started again") == 4
    assert program.run("cleanup").code == 0
    assert program.processes() == []


def test_a_killed_parent_takes_its_controller_along_and_another_one_goes_on(program: Program) -> None:
    with held(program, FLOWING) as lab:
        until_flows(program, "held", both("running", "completed"))
        lab.parent.kill()
        # Its output ends with the last of both.
        lab.parent.communicate(timeout=PATIENCE)
        assert program.processes("controller", "scenario.toml") == []
        second = program.start("controller", "scenario.toml", "--json")
        assert second.stdout is not None
        assert "".join(iter(second.stdout.readline, "}\n")) + "}\n" == lab.text
        until_flows(program, "held", both("completed"))
        second.send_signal(signal.SIGINT)
        done = program.finish(second)
    assert done.code == 130, done.err
    assert "going on with run held-" in done.err
    assert_whole(program)
    assert program.processes() == []


def test_what_is_refused_is_not_tried_again(program: Program) -> None:
    done = program.run("controller", program.write(FLOWING.replace("n4", "n44")))
    assert done.code == 2
    assert "n44" in done.err
    assert "started again" not in done.err


def test_interrupted_twice_while_a_process_does_not_answer(program: Program) -> None:
    with held(program, FLOWING) as lab:
        until_flows(program, "held", both("running", "completed"))
        os.kill(lab.joined[0].pid, signal.SIGSTOP)
        lab.parent.send_signal(signal.SIGINT)
        assert lab.parent.stderr is not None
        assert any("dataplane process 1 has left" in line for line in lab.parent.stderr)
        lab.parent.send_signal(signal.SIGTERM)
        done = program.finish(lab.parent)
        assert done.code == 130, done.err
        assert "Traceback" not in done.err
        assert program.left_behind()["secrets"] == []
