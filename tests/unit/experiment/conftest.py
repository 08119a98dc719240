"""A state folder whose PostgreSQL server runs during all tests, and runs that use fake processes."""

from __future__ import annotations

import os
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nextmini.experiment import RunOptions
from nextmini.store.sharing import SharedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

FAKE = Path(__file__).parents[1] / "controller" / "fake_dataplane.py"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The state folder and the server's DSN."""
    state = tmp_path_factory.mktemp("experiments")
    with closing(SharedServer(state)) as share:
        yield state, share.enter()
        share.leave()


def children() -> list[str]:
    """The commands of this process's children, those that have ended and are not waited for too."""
    commands = []
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        # A thread may end while it is looked at; its children are then another thread's.
        with suppress(FileNotFoundError, ProcessLookupError):
            numbers = (task / "children").read_text().split()
            commands += [Path(f"/proc/{number}/cmdline").read_text() for number in numbers]
    return commands


@pytest.fixture
def options(server: tuple[Path, str], tmp_path: Path) -> Iterator[RunOptions]:
    """Options for a run with fake processes, which leaves neither processes nor secrets behind."""
    state, _ = server
    yield RunOptions(runs_dir=tmp_path / "runs", state_dir=state, program=(sys.executable, str(FAKE)))
    assert [command for command in children() if "fake_dataplane" in command] == []
    assert list((state / "experiments").iterdir()) == []
