"""SIGINT at any moment of a run: it ends in order, and leaves nothing outside its run folder."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from program import Program

MOMENTS = 20
SCENARIO = """
[experiment]
name = "interrupted"
duration = "400 ms"
processes = 2
[topology]
kind = "ring"
nodes = 6
[[flows]]
name = "f"
source = "n1"
destination = "n4"
"""


def test_an_interrupted_run_ends_in_order_at_any_moment(program: Program) -> None:
    name = program.write(SCENARIO)
    began = time.monotonic()
    whole = program.run("run", name, "--json")
    took = time.monotonic() - began
    assert whole.code == 0, whole.err
    before = program.left_behind()
    assert before["processes"] == []
    interrupted = 0
    for moment in range(MOMENTS):
        running = program.start("run", name, "--json")
        # Not a wait for an event: the moments are to be anywhere.
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(timeout=took * (moment + 0.5) / MOMENTS)
        running.send_signal(signal.SIGINT)
        done = program.finish(running)
        where = f"interrupted {moment + 0.5}/{MOMENTS} of the way, exit code {done.code}: {done.err}"
        # Python itself dies of the signal while it is not yet up to noticing it.
        assert done.code in (0, 130, -signal.SIGINT), where
        assert program.left_behind() == before, where
        if done.code == 130:
            interrupted += 1
            assert "Traceback" not in done.err, where
            assert not done.out or done.document["status"] == "interrupted", where
        elif done.code == 0:
            assert done.document["status"] == "passed", where
    # How many depends on how busy the machine was when the whole run was timed.
    assert interrupted > 0


def test_a_second_interrupt_hurries_but_still_cleans_up(program: Program) -> None:
    name = program.write(SCENARIO.replace('"400 ms"', '"60 s"'))
    before = program.left_behind()
    running = program.start("run", name)
    while len(program.processes("nextmini.dataplane")) < 2 and running.poll() is None:
        pass
    running.send_signal(signal.SIGINT)
    running.send_signal(signal.SIGINT)
    done = program.finish(running)
    assert done.code == 130, done.err
    assert program.left_behind() == before
