"""The resident shell of a node, on this machine's own network: it is the same bash there."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nextmini.errors import RunError
from nextmini.hosts.commands import Place
from nextmini.hosts.node_shell import NodeShell, end_shells

if TYPE_CHECKING:
    from collections.abc import Iterator


class Here(Place):
    """A place that one does not have to go to."""

    def enter(self) -> None:
        pass


HERE = Here("n1", Path(), Path())


@pytest.fixture
def shell() -> Iterator[NodeShell]:
    with started() as made:
        yield made


@contextmanager
def started() -> Iterator[NodeShell]:
    made = NodeShell(HERE)
    try:
        yield made
    finally:
        if made.alive:
            end_shells([made])
        else:
            made.close()


def status(shell: NodeShell, command: str) -> int:
    return shell.run(command, lambda _: None)


def test_commands_follow_each_other_in_one_shell(shell: NodeShell, tmp_path: Path) -> None:
    assert shell.cmd("echo hello") == "hello\n"
    assert shell.cmd(f"cd {tmp_path}; word=kept") == ""
    assert shell.cmd("pwd; echo $word") == f"{tmp_path}\nkept\n"
    assert shell.cmd("echo $$") == f"{shell.pid}\n"
    assert shell.cmd("for i in 1 2; do\n  echo $i\ndone") == "1\n2\n"


def test_exit_codes_are_known_here_and_there(shell: NodeShell) -> None:
    assert status(shell, "true") == 0
    assert status(shell, "(exit 7)") == 7
    assert shell.cmd("echo $?") == "7\n"
    assert status(shell, "no-such-program-anywhere") == 127
    assert status(shell, "echo 'no end") == 2


@pytest.mark.parametrize("text", ["x", "a\nb", "\x1e", "\x1eabc:1\x1e", "no newline, \\t no change \\r\\n"])
def test_output_comes_as_it_was_written(text: str, shell: NodeShell) -> None:
    assert shell.cmd(f"printf '{text}'") == text.encode().decode("unicode_escape")


def test_any_bytes_come_through(shell: NodeShell, tmp_path: Path) -> None:
    data = bytes(range(256)) * 400
    (tmp_path / "data").write_bytes(data)
    heard: list[bytes] = []
    assert shell.run(f"cat {tmp_path / 'data'}", heard.append) == 0
    assert b"".join(heard) == data


def test_much_output_comes_whole(shell: NodeShell) -> None:
    size = 0

    def count(data: bytes) -> None:
        nonlocal size
        size += len(data)

    assert shell.run("head -c 10000000 /dev/zero", count) == 0
    assert size == 10_000_000


def test_long_commands(shell: NodeShell) -> None:
    word = "x" * 200_000
    assert shell.cmd(f"word={word}; echo ${{#word}}") == "200000\n"
    with pytest.raises(RunError, match="write it into a file"):
        shell.cmd(f"echo {'x' * 2**20}")
    with pytest.raises(RunError, match="none of them 0"):
        shell.cmd("echo \0")


def test_output_is_heard_while_a_command_runs(shell: NodeShell, tmp_path: Path) -> None:
    fifo = tmp_path / "go-on"
    os.mkfifo(fifo)
    heard: list[str] = []

    def hear(text: str) -> None:
        heard.append(text)
        if text == "first\n":
            fifo.write_text("")

    assert shell.cmd(f"echo first; cat {fifo}; echo second", hear) == "first\nsecond\n"
    assert heard == ["first\n", "second\n"]


def test_jobs_as_in_any_shell(shell: NodeShell) -> None:
    assert shell.cmd("sleep 100 &").startswith("[1] ")
    assert "Running" in shell.cmd("jobs")
    shell.cmd("kill %1; wait %1")
    assert "sleep" not in shell.cmd("jobs")


def test_what_a_job_writes_later_comes_with_the_next_command(shell: NodeShell, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    shell.cmd(f"(while [ ! -e {flag} ]; do sleep 0.01; done; echo late; rm {flag}) &")
    flag.touch()
    found = shell.cmd("wait; echo now")
    assert found.index("late") < found.index("now")


@pytest.mark.parametrize("command", ["sleep 100", "while :; do :; done", "cat", "sleep 100 | cat"])
def test_an_interrupt_is_for_the_command(command: str, shell: NodeShell) -> None:
    timer = threading.Timer(0.3, shell.interrupt)
    timer.start()
    assert status(shell, command) == 128 + signal.SIGINT
    timer.join()
    assert shell.cmd("echo still here") == "still here\n"


def test_keyboard_interrupt_is_for_the_command_and_then_for_us(shell: NodeShell) -> None:
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        shell.cmd("sleep 100")
    timer.join()
    assert shell.cmd("echo $?") == "130\n"


def test_what_is_typed_goes_to_the_command_and_not_to_the_shell(shell: NodeShell) -> None:
    timer = threading.Timer(0.3, lambda: shell.write(b"word\nfalse\n"))
    timer.start()
    assert shell.cmd("read x; echo got $x; sleep 0.1") == "got word\n"
    timer.join()
    assert shell.cmd("echo clean") == "clean\n"


def test_what_is_typed_is_shown_if_that_is_wanted(shell: NodeShell) -> None:
    heard: list[bytes] = []
    timer = threading.Timer(0.3, lambda: shell.write(b"word\n"))
    timer.start()
    shell.run("read x", heard.append, "echo")
    timer.join()
    assert b"".join(heard) == b"word\n"


def test_a_program_may_leave_the_terminal_as_it_likes(shell: NodeShell) -> None:
    status(shell, "stty raw echo")
    assert shell.cmd("echo fine") == "fine\n"


def test_commands_have_nothing_of_ours(shell: NodeShell) -> None:
    assert shell.cmd("ls /proc/self/fd").split() == ["0", "1", "2", "3"]
    assert shell.cmd("env | grep -e PROMPT_COMMAND -e PS1") == ""
    assert shell.cmd("tty").startswith("/dev/pts/")


@pytest.mark.parametrize(
    ("command", "output", "code"),
    [("echo bye; exit 3", "bye\nexit\n", 3), ("kill -9 $$", "", 137), ("exec echo last", "last\n", 0)],
)
def test_a_command_may_end_its_shell(command: str, output: str, code: int, shell: NodeShell) -> None:
    heard: list[bytes] = []
    assert shell.run(command, heard.append) == code
    assert b"".join(heard).decode() == output
    assert not shell.alive
    with pytest.raises(RunError, match="has ended"):
        shell.cmd("true")


def test_what_runs_in_a_shell_ends_with_it(tmp_path: Path) -> None:
    shell = NodeShell(HERE)
    shell.cmd(f"cd {tmp_path}; nohup sleep 1000 >/dev/null & echo $! >{tmp_path}/kept")
    shell.cmd(f"trap '' HUP TERM; sleep 1000 & echo $! >{tmp_path}/deaf")
    end_shells([shell])
    for name in ("kept", "deaf"):
        assert not runs(int((tmp_path / name).read_text()))
    assert not runs(shell.pid)


def runs(process: int) -> bool:
    """Whether it does; a zombie does not."""
    try:
        return "Z (" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_job_that_nobody_listens_to_is_not_held_up(shell: NodeShell, tmp_path: Path) -> None:
    flag = tmp_path / "done"
    shell.cmd(f"(head -c 5000000 /dev/zero; touch {flag}) &")
    deadline = time.monotonic() + 30
    while not flag.exists():
        assert time.monotonic() < deadline
    heard = shell.cmd("wait")
    assert "bytes of output before this are lost" in heard
    assert len(heard) < 1_100_000
