"""`nextmini run` itself: what it prints where, its exit codes, and signals outside of the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import nextmini.experiment
from nextmini.cli.main import main
from nextmini.cli.signals import Signals
from nextmini.errors import ControllerError
from nextmini.experiment import Outcome, RunOptions, as_json
from nextmini.hosts.local import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable

SCENARIO = """
[experiment]
name = "small"
[topology]
kind = "line"
nodes = 2
[[flows]]
name = "f"
source = "n1"
destination = "n2"
size = "1 kB"
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "small.toml"
    path.write_text(SCENARIO)
    return str(path)


def outcome(status: str = "passed", **changes: Any) -> Outcome:
    document = {
        "experiment": "small",
        "folder": "runs/small-1",
        "status": status,
        "seconds": 1.0,
        "nodes": 2,
        "links": 1,
        "flows": [],
        "link_stats": [],
    }
    return Outcome(document, Path("runs/small-1"), **changes)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[RunOptions]]:
    """Makes runs end as they are told to; what `main` asked for is in the list that it returns."""

    def install(result: Outcome | Exception, act: Callable[[], None] = lambda: None) -> list[RunOptions]:
        asked: list[RunOptions] = []

        async def run_scenario(_scenario: object, options: RunOptions, *_: object) -> Outcome:
            asked.append(options)
            act()
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(nextmini.experiment, "run_scenario", run_scenario)
        return asked

    return install


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["run", *arguments])
    return int(caught.value.code or 0)


def test_options_reach_the_run(ends: Callable[..., list[RunOptions]], file: str) -> None:
    asked = ends(outcome())
    assert run(file, "--name", "other", "--runs-dir", "r", "--state-dir", "s", "--database-url", "u") == 0
    assert run(file) == 0
    assert asked == [
        RunOptions(runs_dir=Path("r"), state_dir=Path("s"), database_url="u", name="other"),
        RunOptions(),
    ]


@pytest.mark.parametrize(("status", "code"), [("passed", 0), ("failed", 1), ("interrupted", 130)])
def test_exit_codes(ends: Callable[..., list[RunOptions]], file: str, status: str, code: int) -> None:
    ends(outcome(status))
    assert run(file) == code


def test_json_is_one_document_on_standard_output_and_words_go_elsewhere(
    ends: Callable[..., list[RunOptions]], file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result = outcome("failed", problems=("process 0 died",), notes=("7 samples are lost",))
    ends(result)
    assert run(file, "--json") == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == result.document
    assert captured.err == "note: 7 samples are lost\nerror: process 0 died\n"


def test_a_person_gets_a_table(
    ends: Callable[..., list[RunOptions]], file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ends(outcome())
    run(file)
    captured = capsys.readouterr()
    assert captured.out.startswith("small: passed after 1 s (2 nodes, 1 link, 0 flows)\n")
    assert captured.err == ""


def test_a_refusal_is_one_line_and_exit_code_2(
    ends: Callable[..., list[RunOptions]], file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ends(ControllerError("the port is in use", "choose another"))
    assert run(file) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "error: the port is in use; choose another\n")


def test_a_result_that_cannot_be_printed_is_said_to_be_in_the_run_folder(
    ends: Callable[..., list[RunOptions]],
    file: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends(outcome())
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run(file) == 1
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space"):
            full.flush()
        # So that closing it does not fail too.
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), full.fileno())
    assert capsys.readouterr().err == (
        "error: the result cannot be printed: No space left on device; it is in runs/small-1/result.json\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_result_is_printed_does_not_cut_it_off(
    ends: Callable[..., list[RunOptions]],
    file: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    ends(outcome())

    def interrupted(document: dict[str, Any]) -> str:
        os.kill(os.getpid(), number)
        return as_json(document)

    monkeypatch.setattr(nextmini.experiment, "as_json", interrupted)
    assert run(file, "--json") == 130
    assert json.loads(capsys.readouterr().out)["status"] == "passed"


def test_a_second_signal_is_not_put_off() -> None:
    signals = Signals()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), signals.noted():
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.received
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before
    with pytest.raises(KeyboardInterrupt):
        signals.check()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["--controller", "ws://127.0.0.1:1/dataplane", "--token-file", "none", "--process", "0"], 2, "none"),
        (["--controller", "x", "--token-file", "none", "--process", "-1"], 2, "--process N"),
        (
            ["--controller", "x", "--token-file", "none", "--process", "0", "--batching", "so"],
            2,
            "--batching",
        ),
        (["--controller", "nonsense", "--token-file", "TOKEN", "--process", "0"], 1, "nonsense"),
    ],
)
def test_the_program_of_a_dataplane_process_says_what_is_wrong(
    tmp_path: Path, arguments: list[str], code: int, complaint: str
) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    command = list(PROGRAM)
    command += [str(token) if argument == "TOKEN" else argument for argument in arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr
