"""What experiments say of themselves, and who counts as running."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from dataclasses import asdict, replace
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from nextmini.store import Registration, StateFolder
from nextmini.store.registry import read, write

if TYPE_CHECKING:
    from pathlib import Path

LAB = Registration("lab", "lab-1", "up", 7, "/runs/lab-1", None, "2026-01-02T03:04:05+00:00")

HOLD_FOR_EVER = """
import sys
from pathlib import Path
from nextmini.store import Registration, StateFolder
found = Registration("lab", "lab-1", "up", 7, None, None, "2026-01-02T03:04:05+00:00")
with StateFolder(Path(sys.argv[1])).hold("lab", found):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


def test_what_is_written_is_read_again_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "lab.json"
    secret = replace(LAB, database_url="postgresql://user:secret@host/db", ready=True)
    for registration in (LAB, secret):
        write(path, registration)
        assert read(path) == registration
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["lab.json"]


@pytest.mark.parametrize(
    "changes",
    [{"name": 1}, {"folder": 1}, {"pid": "7"}, {"how": "else"}, {"ready": 1}, {"more": 1}, {"started": None}],
    ids=str,
)
def test_what_somebody_else_wrote_is_not_believed(tmp_path: Path, changes: dict[str, object]) -> None:
    path = tmp_path / "lab.json"
    assert read(path) is None
    for text in ("", "nonsense", "[]", json.dumps(asdict(LAB) | changes)):
        path.write_text(text)
        assert read(path) is None


def test_an_experiment_is_found_from_the_beginning_to_the_end(state: StateFolder) -> None:
    assert state.running() == []
    with state.hold("lab", LAB), state.hold("b/c", replace(LAB, name="b/c")), state.hold("silent"):
        assert state.running() == [replace(LAB, name="b/c"), LAB]
        state.register(replace(LAB, ready=True))
        assert state.running() == [replace(LAB, name="b/c"), replace(LAB, ready=True)]
    assert state.running() == []
    assert list(state.experiments.iterdir()) == []


def test_a_killed_one_does_not_count_and_is_removed_when_asked(state: StateFolder) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_FOR_EVER, str(state.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert [found.name for found in state.running()] == ["lab"]
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert state.running() == []
    assert state.remove_abandoned() == ["lab"]
    assert list(state.experiments.iterdir()) == []


def test_what_a_killed_one_said_is_not_taken_for_the_next_one(state: StateFolder) -> None:
    with state.hold("other"):
        write(state.experiments / "lab.json", LAB)
    with state.hold("lab"):
        assert state.running() == []


def test_nobody_is_refused_because_somebody_looks(state: StateFolder) -> None:
    looking = True

    def look() -> None:
        while looking:
            state.running()
            assert state.remove_abandoned() == []

    thread = Thread(target=look)
    thread.start()
    try:
        for _ in range(200):
            with state.hold("lab", LAB):
                pass
    finally:
        looking = False
        thread.join()


def test_a_state_folder_that_is_removed_meanwhile_harms_nothing(state: StateFolder) -> None:
    with state.hold("lab", LAB):
        for path in sorted(state.experiments.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        state.experiments.rmdir()
    assert state.running() == []
