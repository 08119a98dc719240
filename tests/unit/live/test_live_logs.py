from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from nextmini.live.choice import LiveError
from nextmini.live.logs import Logs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    for name in ("dataplane-10", "dataplane-2", "controller"):
        (tmp_path / "logs" / f"{name}.log").write_text(f"{name} begins\n")
    return tmp_path


def test_lines_come_with_their_source_and_once(folder: Path) -> None:
    logs = Logs(folder)
    assert list(logs.read()) == [
        ("controller", "controller begins"),
        ("dataplane-2", "dataplane-2 begins"),
        ("dataplane-10", "dataplane-10 begins"),
    ]
    assert list(logs.read()) == []
    with (folder / "logs" / "dataplane-2.log").open("a") as file:
        file.write("half a ")
        file.flush()
        assert list(logs.read()) == []
        file.write("line\nand the la")
        file.flush()
        assert list(logs.read()) == [("dataplane-2", "half a line")]
    assert list(logs.read(last=True)) == [("dataplane-2", "and the la")]
    assert list(logs.read(last=True)) == []


def test_one_source_alone(folder: Path) -> None:
    logs = Logs(folder, "controller")
    logs.check()
    assert [name for name, _ in logs.read()] == ["controller"]
    with pytest.raises(LiveError, match="'x'; there are controller, dataplane-2, dataplane-10"):
        Logs(folder, "x").check()


def test_programs_in_nodes_have_logs_too(folder: Path) -> None:
    (folder / "apps").mkdir()
    for name in ("web", "controller"):
        (folder / "apps" / f"{name}.log").write_text(f"{name} is ready\n")
    assert Logs(folder).sources() == [
        *("controller", "dataplane-2", "dataplane-10"),
        *("app-controller", "app-web"),
    ]
    assert list(Logs(folder, "app-controller").read()) == [("app-controller", "controller is ready")]
    assert list(Logs(folder, "controller").read()) == [("controller", "controller begins")]


def test_what_is_no_text_is_shown_as_far_as_it_is(folder: Path) -> None:
    (folder / "logs" / "controller.log").write_bytes(b"a\xff\xfeb\n")
    assert list(Logs(folder, "controller").read()) == [("controller", "a\ufffd\ufffdb")]


def test_a_log_that_comes_later_is_read_too(folder: Path) -> None:
    logs = Logs(folder)
    list(logs.read())
    (folder / "logs" / "supervisor.log").write_text("late\n")
    assert list(logs.read()) == [("supervisor", "late")]


def test_following_ends_with_the_process_and_its_last_words(folder: Path) -> None:
    reading, writing = os.pipe()  # readable once the other end is closed, as a process is once it has ended
    try:
        lines = Logs(folder, "controller").follow(reading)
        assert next(lines) == ("controller", "controller begins")
        with (folder / "logs" / "controller.log").open("a") as file:
            file.write("the end")
        os.close(writing)
        assert list(lines) == [("controller", "the end")]
    finally:
        os.close(reading)
