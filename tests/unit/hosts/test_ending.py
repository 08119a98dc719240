"""The end of processes and of process groups."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
from pathlib import Path

import pytest

from nextmini.hosts import ending
from nextmini.hosts.clearing import Cleared, clear
from nextmini.hosts.ending import end_processes
from nextmini.hosts.groups import members, until_groups_end


def start(script: str, *words: str) -> subprocess.Popen[str]:
    """A shell in a session of its own that has said that it is up.

    One that is to wait reads: what it starts would look like the shell itself until it runs its own program.
    """
    process = subprocess.Popen(
        ["sh", "-c", script, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def finish(process: subprocess.Popen[str]) -> int:
    with process:
        return process.wait(timeout=10)


def marked(mark: str) -> list[int]:
    return [number for number in ending.numbers() if is_marked(number, mark)]


def is_marked(number: int, mark: str) -> bool:
    try:
        return mark in Path(f"/proc/{number}/cmdline").read_text()
    except OSError:
        return False


def test_only_those_that_are_meant_end() -> None:
    mark = secrets.token_hex(8)
    meant, other = start("echo up; read line", mark), start("echo up; read line", "another")
    assert end_processes(lambda process: is_marked(process, mark), "these") == 1
    assert finish(meant) == -signal.SIGTERM
    assert other.poll() is None
    assert end_processes(lambda process: is_marked(process, mark), "these") == 0
    other.kill()
    finish(other)


def test_who_does_not_heed_it_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "PATIENCE_SECONDS", 0.2)
    mark = secrets.token_hex(8)
    deaf = start("trap '' TERM; echo up; read line", mark)
    assert end_processes(lambda process: is_marked(process, mark), "these") == 1
    assert finish(deaf) == -signal.SIGKILL


def test_a_dataplane_process_is_known_by_its_token(tmp_path: Path) -> None:
    options = ["--process", "0", "--exit-with-parent"]
    ours = start("echo up; read line", "--token-file", str(tmp_path / "token"), *options)
    others = start("echo up; read line", "--token-file", str(tmp_path / "toke"), *options)
    free = start("echo up; read line", "--token-file", str(tmp_path / "token"))
    assert clear(tmp_path) == Cleared((), 1)
    assert clear(tmp_path) == Cleared()
    assert finish(ours) == -signal.SIGTERM
    assert (others.poll(), free.poll()) == (None, None)
    for process in (others, free):
        os.killpg(process.pid, signal.SIGKILL)
        finish(process)


def until_zombie(process: subprocess.Popen[str]) -> None:
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


@pytest.mark.asyncio
async def test_a_group_ends_with_the_last_of_it() -> None:
    process = start("(sleep 0.3; sleep 0.3) & echo up")
    until_zombie(process)
    assert process.pid not in members({process.pid}), "it has ended"
    assert len(members({process.pid})) >= 1
    async with asyncio.timeout(10):
        await until_groups_end({process.pid})
    assert members({process.pid}) == []
    finish(process)


@pytest.mark.asyncio
async def test_nobody_is_in_no_group() -> None:
    await until_groups_end(set())
    assert members(set()) == []
