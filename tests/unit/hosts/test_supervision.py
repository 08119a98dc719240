"""Children that are started again, seen from outside: a program of its own, which does what a test says."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nextmini.hosts.handover import Handover
from nextmini.hosts.supervision import Ending

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 60.0
PROGRAM = """
import os, signal, sys
from nextmini.errors import ControllerError, RunError
from nextmini.hosts import restarts
from nextmini.hosts.handover import Handover
from nextmini.hosts.supervision import supervise

restarts.FIRST_PAUSE_SECONDS = {pause}
times = Handover()

def say(text):
    os.write(1, f"{{text}}\\n".encode())

def work():
    number = len(times.found())
    times.leave(times.found() + b".")
    {work}

try:
    sys.exit(supervise("thing", work, say))
except RunError as error:
    say(f"given up: {{error}}")
    sys.exit(1)
except ControllerError as error:
    say(f"refused: {{error}}")
    sys.exit(2)
"""
KILLED = "os.kill(os.getpid(), signal.SIGKILL)"
COUNTS_REQUESTS = """
    for count in range(3):
        say(f"at {count}")
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 17
"""
WAITS = 'say(f"child {os.getpid()}"); signal.pause()'


@contextmanager
def started(work: str, pause: float = 0.001) -> Iterator[subprocess.Popen[str]]:
    """The program, which is gone afterwards."""
    blocked = "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})"
    text = PROGRAM.format(work=work.strip(), pause=pause)
    text = text.replace("    number =", f"    {blocked}\n    number =") if "sigwait" in work else text
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def finished(work: str) -> tuple[int, list[str]]:
    """The exit code and what was said, without numbers of processes."""
    with started(work) as process:
        said, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, [" ".join(line.split()) for line in said.splitlines()]


def told(line: str) -> str:
    """What was said of a child, without its number."""
    before, _, rest = line.partition("(process ")
    return before + rest.partition(") ")[2]


def read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_one_that_ends_in_order_is_not_started_again() -> None:
    assert finished("return 5") == (5, [])


def test_one_that_is_refused_is_not_started_again() -> None:
    assert finished('raise ControllerError("taken")') == (2, ["refused: taken"])


def test_one_that_dies_is_started_again_and_its_exit_code_taken_over() -> None:
    code, said = finished(f"if number < 2: {KILLED}\n    return 4")
    assert code == 4
    assert [told(line) for line in said] == ["the thing was killed by SIGKILL; it is started again"] * 2


def test_one_with_a_defect_is_started_again() -> None:
    code, said = finished("return 4 // number")
    assert code == 4
    (line,) = map(told, said)
    assert line.startswith("the thing ended with a defect in nextmini (please report it with all")
    assert line.endswith("; it is started again")


def test_one_that_dies_over_and_over_is_given_up() -> None:
    code, said = finished(KILLED)
    assert code == 1
    assert len(said) == 5
    assert told(said[-1]).startswith(
        "given up: the thing was killed by SIGKILL: it has died 5 times within 60"
    )


def test_requests_are_passed_on_each_of_them() -> None:
    with started(COUNTS_REQUESTS) as process:
        for count, number in enumerate((signal.SIGINT, signal.SIGTERM, signal.SIGINT)):
            assert read(process) == f"at {count}"
            process.send_signal(number)
        assert process.wait(PATIENCE) == 17


def test_one_that_dies_of_a_request_is_not_started_again() -> None:
    with started(WAITS) as process:
        assert read(process).startswith("child ")
        process.send_signal(signal.SIGTERM)
        assert told(read(process)) == "the thing was killed by SIGTERM after it was asked to end"
        assert process.wait(PATIENCE) == 130


def test_a_request_while_there_is_none_is_the_end() -> None:
    with started(KILLED, pause=PATIENCE) as process:
        assert "is started again" in read(process)
        process.send_signal(signal.SIGINT)
        assert read(process) == "interrupted while there was no thing"
        assert process.wait(PATIENCE) == 130


def test_it_is_killed_with_its_parent() -> None:
    with started(WAITS) as process:
        child = int(read(process).split()[1])
        assert Path(f"/proc/{child}").exists()
        process.kill()
        # The other end of its output is the child's alone now.
        assert read(process) == ""


@pytest.mark.parametrize(
    ("code", "died"), [(0, False), (1, False), (2, False), (130, False), (70, True), (-9, True), (-15, True)]
)
def test_what_counts_as_a_death(code: int, died: bool) -> None:
    assert Ending(code, asked=False).died is died


def test_what_is_left_is_found_as_it_was_last() -> None:
    handover = Handover()
    assert handover.found() == b""
    handover.leave(b"x" * 100_000)
    handover.leave(b"short")
    assert handover.found() == b"short"
    handover.close()
