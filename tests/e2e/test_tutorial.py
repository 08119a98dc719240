"""docs/tutorial.md, typed in by a machine: every command works and prints what the page says.

What the page shows is compared with its numbers, units and run folders left open. `...` on a line of its own
stands for any lines. A block after "Save this as `NAME`:" is written to that file.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(
    r"(?:Save this as `(?P<file>[\w.-]+)`:\n\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
RUN_ID = re.compile(r"-\d{8}-\d{6}-[0-9a-f]{4}")
NUMBER = re.compile(r"\d[\d.,]*")
UNIT = re.compile(r"\b[kMGT]?(?=bit/s\b|B\b)")


class Command(NamedTuple):
    line: str
    output: list[str]


class File(NamedTuple):
    name: str
    text: str


def steps(page: str) -> list[Command | File]:
    found: list[Command | File] = []
    for block in BLOCK.finditer(page):
        if block["file"]:
            found.append(File(block["file"], block["text"]))
        elif block["kind"] == "console":
            for line in block["text"].splitlines():
                if line.startswith("$ "):
                    found.append(Command(line.removeprefix("$ "), []))
                else:
                    last = found[-1]
                    assert isinstance(last, Command), f"output without a command: {line}"
                    last.output.append(line)
    return found


def shape(line: str) -> str:
    """The line without what differs from run to run."""
    line = UNIT.sub("", NUMBER.sub("0", RUN_ID.sub("", line)))
    return " ".join(line.split())


def missing(expected: list[str], printed: list[str]) -> str | None:
    """The first line of the page that was not printed where it says."""
    actual = [shape(line) for line in printed]
    at, open_ended = 0, False
    for line in expected:
        if line == "...":
            open_ended = True
            continue
        wanted = shape(line)
        while open_ended and at < len(actual) and actual[at] != wanted:
            at += 1
        if at >= len(actual) or actual[at] != wanted:
            return line
        at, open_ended = at + 1, False
    return None if open_ended or at >= len(actual) else f"(the end, before {printed[at]!r})"


STEPS = steps(PAGE.read_text(encoding="utf-8"))


@pytest.mark.timeout(300)
def test_the_tutorial_works_as_it_stands(tmp_path: Path) -> None:
    assert sum(isinstance(step, Command) for step in STEPS) > 10
    assert sum(isinstance(step, File) for step in STEPS) == 1
    work = tmp_path / "work"
    work.mkdir()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "NEXTMINI_STATE": str(tmp_path / "state"), "COLUMNS": "160"}
    for step in STEPS:
        if isinstance(step, File):
            (work / step.name).write_text(step.text, encoding="utf-8")
            continue
        done = subprocess.run(
            ["/bin/sh", "-c", step.line],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"$ {step.line}\n{done.stdout}\n{done.stderr}"
        if step.output:
            line = missing(step.output, done.stdout.splitlines())
            assert line is None, f"$ {step.line}\nthe page says: {line}\nbut this was printed:\n{done.stdout}"


def test_the_page_is_read_as_a_person_reads_it() -> None:
    page = "```console\n$ one\na 1\n...\nb\n$ two\n```\nSave this as `x.toml`:\n\n```toml\nk = 1\n```\n"
    assert steps(page) == [Command("one", ["a 1", "...", "b"]), Command("two", []), File("x.toml", "k = 1\n")]


@pytest.mark.parametrize(
    ("expected", "printed", "first"),
    [
        (["a 1.5 Gbit/s"], ["a  27 Mbit/s"], None),
        (["a", "...", "b"], ["a", "x", "y", "b"], None),
        (["a", "..."], ["a"], None),
        (["a"], ["b"], "a"),
        (["a", "b"], ["a", "x", "b"], "b"),
        (["...", "b"], ["a"], "b"),
        (["a"], ["a", "b"], "(the end, before 'b')"),
    ],
)
def test_what_the_page_says_has_to_be_printed(
    expected: list[str], printed: list[str], first: str | None
) -> None:
    assert missing(expected, printed) == first
