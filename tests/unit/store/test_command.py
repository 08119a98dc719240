from __future__ import annotations

import os
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from nextmini.errors import DatabaseError, PrerequisiteError
from nextmini.store.command import CalledOffError, Interrupt, run

if TYPE_CHECKING:
    from pathlib import Path


def is_alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_output_and_status_come_back(tmp_path: Path) -> None:
    outcome = run(["sh", "-c", "pwd; echo bad >&2; exit 3"], tmp_path, seconds=10)
    assert outcome.returncode == 3
    assert outcome.output == f"{tmp_path}\nbad"


def test_command_has_a_session_of_its_own(tmp_path: Path) -> None:
    outcome = run(
        [sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())"], tmp_path, seconds=10
    )
    assert outcome.output == "True"


def test_postgresqls_variables_are_not_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("LC_MESSAGES", "de_DE.UTF-8")
    output = run(["env"], tmp_path, seconds=10).output
    assert "PGPORT" not in output
    assert "LC_MESSAGES" not in output
    assert "LC_ALL=C" in output.splitlines()


def test_what_cannot_be_executed_is_named(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match="/no/such/program cannot be executed: No such file"):
        run(["/no/such/program"], tmp_path, seconds=10)


def test_command_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="has not ended within 1 seconds"):
        run(["sh", "-c", "sleep 1000 & echo $! > number; echo $$ >> number; wait"], tmp_path, seconds=1)
    for number in (tmp_path / "number").read_text().split():
        assert wait_until_dead(int(number))


def test_a_command_that_fell_to_the_ctrl_c_that_calls_us_off_was_called_off(tmp_path: Path) -> None:
    with closing(Interrupt()) as interrupt:
        # We hear of it after the command has ended.
        killed = tmp_path / "killed"
        os.mkfifo(killed)

        def hear() -> None:
            killed.read_bytes()
            interrupt.set()

        thread = threading.Thread(target=hear)
        thread.start()
        with pytest.raises(CalledOffError):
            run(["sh", "-c", "exec 9>killed; kill -INT $$"], tmp_path, seconds=10, interrupt=interrupt)
        thread.join()


def test_a_command_that_was_interrupted_alone_has_ended(tmp_path: Path) -> None:
    with closing(Interrupt()) as interrupt:
        assert run(["sh", "-c", "kill -INT $$"], tmp_path, seconds=10, interrupt=interrupt).returncode == -2


def test_interrupted_command_is_killed_with_its_children(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready")
    with closing(Interrupt()) as interrupt:

        def interrupt_once_ready() -> None:
            (tmp_path / "ready").read_text()
            interrupt.set()

        thread = threading.Thread(target=interrupt_once_ready)
        thread.start()
        script = "sleep 1000 & echo $! > number; echo $$ >> number; echo > ready; wait"
        with pytest.raises(CalledOffError):
            run(["sh", "-c", script], tmp_path, seconds=60, interrupt=interrupt)
        thread.join()
    for number in (tmp_path / "number").read_text().split():
        assert wait_until_dead(int(number))


def test_interrupt_that_came_before_counts(tmp_path: Path) -> None:
    with closing(Interrupt()) as interrupt:
        interrupt.set()
        with pytest.raises(CalledOffError):
            run(["sleep", "1000"], tmp_path, seconds=60, interrupt=interrupt)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    run(["true"], tmp_path, seconds=10)
    with pytest.raises(DatabaseError):
        run(["sleep", "10"], tmp_path, seconds=0)
    assert set(os.listdir("/proc/self/fd")) == before


def wait_until_dead(process: int) -> bool:
    """Killed processes end soon, but not at once; a grandchild's end can only be looked at."""
    deadline = threading.Event()
    return any(not is_alive(process) or deadline.wait(0.01) for _ in range(500)) and not is_alive(process)
