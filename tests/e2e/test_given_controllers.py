"""Controllers and dataplane processes that somebody else starts, who has made their secrets."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
from program import PATIENCE, assert_complete

from nextmini.controller.certificate import make
from nextmini.controller.tls import load

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from program import Program

LAB = """
[experiment]
name = "lab"
processes = 2
duration = "3 s"
[controller]
listen = "0.0.0.0:0"
[topology]
kind = "line"
nodes = 4
[[flows]]
name = "there"
source = "n1"
destination = "n4"
size = "2 MB"
"""
TOKEN, KEY = "t" * 43, "ab" * 32


class Made:
    """Secrets in files, and a controller that has them."""

    def __init__(self, program: Program, scenario: str) -> None:
        self.program = program
        folder = program.home / "made"
        folder.mkdir()
        certificate = make(folder)
        texts = {"token": TOKEN, "key": KEY, "pin": load(certificate).fingerprint}
        for name, text in texts.items():
            (folder / name).write_text(f"{text}\n")
        self.folder = folder
        self.announced = folder / "ready.json"
        self.controller = program.start(
            *("controller", program.write(scenario), "--runs-dir", "runs"),
            *("--token-file", str(folder / "token"), "--key-file", str(folder / "key")),
            *("--tls-cert", str(certificate.certificate), "--tls-key", str(certificate.key)),
            *("--announce", str(self.announced), "--devices", "processes"),
        )
        self.until_said("token file")

    def until_said(self, words: str) -> None:
        """Waits until the controller has said this."""
        assert self.controller.stderr is not None
        said = []
        for line in self.controller.stderr:
            said.append(line)
            if words in line:
                return
        raise AssertionError(said)

    def join(self, process: int) -> subprocess.Popen[str]:
        """Starts a dataplane process, which listens everywhere."""
        url = json.loads(self.announced.read_text())["controller"]
        files = (
            "--token-file",
            str(self.folder / "token"),
            "--tls-fingerprint-file",
            str(self.folder / "pin"),
        )
        where = ("--controller", url, *files, "--listen", "0.0.0.0:0")
        return self.program.start("dataplane", *where, "--process", str(process))

    def report(self) -> tuple[Path, dict[str, Any]]:
        """The run folder and the result, when the controller has ended."""
        done = self.program.finish(self.controller)
        assert done.code == 0, done.err
        (folder,) = (self.program.work / "runs").iterdir()
        return folder, json.loads((folder / "result.json").read_text())


def test_it_ends_with_the_duration_and_reports_as_a_run_does(program: Program) -> None:
    made = Made(program, LAB)
    joined = [made.join(number) for number in (0, 1)]
    folder, document = made.report()
    assert [program.finish(process).code for process in joined] == [0, 0]
    assert_complete(document, 1)
    assert document["seconds"] == pytest.approx(3.0, abs=1.0)
    assert (folder / "series" / "flows.csv").is_file()
    assert "the duration of the experiment is over" in (folder / "logs" / "controller.log").read_text()
    assert program.left_behind()["secrets"] == []


def test_a_process_that_is_lost_for_good_is_in_the_report(program: Program) -> None:
    made = Made(program, LAB.replace('"3 s"', '"600 s"').replace("2 MB", "2 GB"))
    joined = [made.join(number) for number in (0, 1)]
    made.until_said("the network is in force")
    joined[1].kill()
    joined[1].communicate(timeout=PATIENCE)
    _, document = made.report()
    assert document["status"] == "failed"
    assert document["flows"][0]["status"] == "failed"
    assert "did not come back within 10 seconds" in document["flows"][0]["reason"]
    assert program.finish(joined[0]).code == 0


def test_one_that_is_interrupted_has_a_report_too(program: Program) -> None:
    made = Made(program, LAB)
    made.controller.send_signal(signal.SIGTERM)
    done = program.finish(made.controller)
    assert done.code == 130, done.err
    (result,) = (program.work / "runs").glob("*/result.json")
    assert json.loads(result.read_text())["flows"][0]["status"] == "stopped"


def test_wrong_files_are_named(program: Program) -> None:
    scenario = program.write(LAB)
    (program.work / "token").write_text(TOKEN)
    alone = program.run("controller", scenario, "--token-file", "token")
    assert (alone.code, "without --key-file" in alone.err) == (2, True), alone.err
    missing = program.run(
        *("dataplane", "--controller", "wss://127.0.0.1:1/dataplane", "--token-file", "token"),
        *("--tls-fingerprint-file", "nowhere", "--process", "0"),
    )
    assert (missing.code, "fingerprint file nowhere cannot be read" in missing.err) == (2, True), missing.err
