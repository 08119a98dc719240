"""Local processes: how they are started, watched and ended."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import pytest

from nextmini.errors import RunError
from nextmini.hosts import local
from nextmini.hosts.exits import describe_exit
from nextmini.hosts.local import Launch, LocalProcesses, log_tail

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(30)]

# Each says its options first, through a named pipe, so that a test can wait for it.
SAY = "import sys; pipe = open(sys.argv[4] + sys.argv[6], 'w'); print(sys.argv[1:], file=pipe); pipe.close();"
UNTIL_EOF = SAY + "sys.stdin.read()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SAY + "signal.pause()"


class Deaths:
    def __init__(self) -> None:
        self.stories: dict[int, str] = {}
        self.news = asyncio.Event()

    def __call__(self, process: int, story: str) -> None:
        self.stories[process] = story
        self.news.set()


def launch(folder: Path, code: str, processes: int = 1) -> Launch:
    for index in range(processes):
        os.mkfifo(folder / f"token{index}")
    return Launch("ws://here", folder / "token", folder, (sys.executable, "-c", code))


async def said(folder: Path, process: int = 0) -> str:
    """What the process says, as soon as it says something."""
    return await asyncio.to_thread((folder / f"token{process}").read_text)


async def test_processes_get_their_options_and_end_when_told_to(tmp_path: Path) -> None:
    deaths = Deaths()
    processes = LocalProcesses(launch(tmp_path, UNTIL_EOF, 2), deaths)
    await processes.start(2)
    texts = [await said(tmp_path, index) for index in (0, 1)]
    assert texts[1].strip() == str(
        [
            *("--controller", "ws://here", "--token-file", str(tmp_path / "token"), "--process", "1"),
            *("--captures", str(tmp_path / "capture-1")),
            "--exit-with-parent",
        ]
    )
    await processes.end()
    assert processes.exit_codes() == {0: -15, 1: -15}
    assert deaths.stories == {}
    await processes.end()


async def test_a_session_of_its_own_keeps_ctrl_c_away(tmp_path: Path) -> None:
    processes = LocalProcesses(launch(tmp_path, "import os; print(os.getsid(0), flush=True)"), Deaths())
    processes.expect_end()
    await processes.start(1)
    await processes.wait()
    assert int(processes.log(0).read_text()) != os.getsid(0)
    assert processes.exit_codes() == {0: 0}


async def test_a_death_is_told_with_status_and_last_words(tmp_path: Path) -> None:
    deaths = Deaths()
    code = "import sys; print('first'); print('boom', file=sys.stderr); sys.exit(3)"
    processes = LocalProcesses(
        launch(tmp_path, "import sys; sys.stdout.reconfigure(line_buffering=True);" + code), deaths
    )
    await processes.start(1)
    await deaths.news.wait()
    assert deaths.stories == {0: "dataplane process 0 ended with exit status 3; its last words: first | boom"}
    await processes.end()


async def test_who_does_not_heed_a_signal_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "TERMINATE_SECONDS", 0.1)
    processes = LocalProcesses(launch(tmp_path, DEAF), Deaths())
    await processes.start(1)
    await said(tmp_path)
    await processes.end()
    assert processes.exit_codes() == {0: -9}


async def test_killing_does_not_wait(tmp_path: Path) -> None:
    processes = LocalProcesses(launch(tmp_path, DEAF), Deaths())
    await processes.start(1)
    await said(tmp_path)
    await processes.kill()
    assert processes.exit_codes() == {0: -9}
    assert processes.failures() == {}


async def test_who_is_killed_by_somebody_else_has_failed_at_the_end_too(tmp_path: Path) -> None:
    processes = LocalProcesses(launch(tmp_path, "import os; os.kill(os.getpid(), 9)"), Deaths())
    processes.expect_end()
    await processes.start(1)
    await processes.wait()
    await processes.kill()
    assert processes.failures() == {0: -9}


async def test_ending_nothing_is_nothing(tmp_path: Path) -> None:
    processes = LocalProcesses(launch(tmp_path, SAY), Deaths())
    await processes.wait()
    await processes.end()
    await processes.kill()


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    missing = Launch("ws://here", tmp_path / "token", tmp_path, ("/no/such/program",))
    with pytest.raises(RunError, match="dataplane process 0 cannot be started"):
        await LocalProcesses(missing, Deaths()).start(1)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit status 0"),
        (101, "ended with exit status 101"),
        (-9, "was killed by SIGKILL"),
        (-11, "was killed by SIGSEGV"),
        (-99, "was killed by signal 99"),
    ],
)
async def test_exit_codes_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words


async def test_the_tail_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"")
    assert log_tail(log) == "; it wrote nothing to its log"
    log.write_bytes(b"x" * 10_000 + b"\n\n" + b"".join(b"line %d \xff\n" % i for i in range(9)))
    assert log_tail(log) == "; its last words: " + " | ".join(f"line {i} \ufffd" for i in range(4, 9))
    log.write_bytes(b"y" * 1000)
    assert len(log_tail(log)) < 400
    assert log_tail(tmp_path / "none").startswith("; its log cannot be read: [Errno 2]")


async def test_a_process_that_dies_is_replaced_if_that_is_wanted(tmp_path: Path) -> None:
    deaths = Deaths()
    pauses = {"left": 2}

    def again(process: int, story: str) -> float | None:
        deaths(process, story)
        pauses["left"] -= 1
        return 0.0 if pauses["left"] else None

    processes = LocalProcesses(launch(tmp_path, SAY + "sys.exit(7)"), again)
    await processes.start(1)
    for _ in range(2):
        await said(tmp_path)
    await processes.wait()
    assert pauses["left"] == 0
    assert deaths.stories[0] == "dataplane process 0 ended with exit status 7; it wrote nothing to its log"


async def test_a_process_that_is_to_be_replaced_is_not_when_the_end_is_expected(tmp_path: Path) -> None:
    deaths = Deaths()

    def again(process: int, story: str) -> float:
        deaths(process, story)
        return 3600.0

    processes = LocalProcesses(launch(tmp_path, SAY + "sys.exit(7)"), again)
    await processes.start(1)
    await said(tmp_path)
    await deaths.news.wait()
    await processes.end()
    assert processes.exit_codes() == {0: 7}


async def test_the_last_words_are_those_of_the_process_that_died(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("of the one before\n")
    assert log_tail(log, log.stat().st_size) == "; it wrote nothing to its log"
    assert log_tail(log) == "; its last words: of the one before"
