"""The `nextmini` program as a user has it, with a state folder of its own, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

CONFIGS = Path(__file__).parents[2] / "configs"
PATIENCE = 100.0
"""Seconds; nothing here takes nearly as long."""


@dataclass(frozen=True)
class Done:
    """A program that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """What it printed with --json."""
        return dict(json.loads(self.out))


class Program:
    """Runs `nextmini` in `home`: working folder, state folder and temporary files."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.own = f"t{hashlib.sha256(str(home).encode()).hexdigest()[:7]}"
        """What names of experiments begin with whose nodes have namespaces: those are the machine's."""
        self.patience = PATIENCE
        self.state = home / "state"
        self.work = home / "work"
        self.temporary = home / "tmp"
        for folder in (self.state, self.work, self.temporary):
            folder.mkdir(parents=True, exist_ok=True)
        self.environment = os.environ | {
            "NEXTMINI_STATE": str(self.state),
            "TMPDIR": str(self.temporary),
            "NO_COLOR": "1",
        }

    def start(
        self, *arguments: str, stdin: int = subprocess.DEVNULL, under: Collection[str] = ()
    ) -> subprocess.Popen[str]:
        """Starts it in a session of its own, as a terminal would; `under` is a command that starts it."""
        return subprocess.Popen(
            [*under, sys.executable, "-m", "nextmini.cli.main", *arguments],
            cwd=self.work,
            env=self.environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, process: subprocess.Popen[str], text: str | None = None) -> Done:
        """Waits for its end; `text` is what it has to read."""
        out, err = process.communicate(text, timeout=self.patience)
        return Done(process.returncode, out, err)

    def run(self, *arguments: str) -> Done:
        """Runs it to its end."""
        return self.finish(self.start(*arguments))

    def feed(self, text: str, *arguments: str) -> Done:
        """Runs it to its end, with `text` as standard input."""
        return self.finish(self.start(*arguments, stdin=subprocess.PIPE), text)

    def write(self, text: str, name: str = "scenario.toml") -> str:
        """Writes a file into the working folder and returns its name."""
        (self.work / name).write_text(text)
        return name

    def processes(self, *words: str) -> list[int]:
        """Processes of this environment, zombies apart; only those with all `words` in their command."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    environment = (entry / "environ").read_bytes()
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                except (FileNotFoundError, PermissionError, ProcessLookupError):
                    continue
                ours = f"NEXTMINI_STATE={self.state}".encode() in environment or str(self.state) in command
                if ours and all(word in command for word in words):
                    found.append(int(entry.name))
        return sorted(found)

    def dataplane(self, process: int) -> int:
        """The pid of a dataplane process, which must be there."""
        (pid,) = self.processes("nextmini.dataplane", f"--process {process} ")
        return pid

    def database(self) -> int:
        """The pid of the database server, which must be there."""
        return min(self.processes("bin/postgres", "-D"))

    def left_behind(self) -> dict[str, list[str]]:
        """Everything outside the run folders that could outlive a run."""
        return {
            "processes": [str(pid) for pid in self.processes()],
            "sockets": [line.split()[-1] for line in _lines("/proc/net/unix") if self._concerns(line)],
            "namespaces": self.namespaces(),
            "interfaces": [name for name in _names(Path("/sys/class/net")) if self._concerns(name)],
            "mounts": [line for line in _lines("/proc/self/mountinfo") if self._concerns(line)],
            "temporary": _names(self.temporary),
            "work": [name for name in _names(self.work) if name != "runs"],
            "secrets": sorted(str(path) for path in (self.state / "experiments").glob("*/*")),
        }

    def namespaces(self) -> list[str]:
        """Network namespaces of the experiments that ran here: those of other tests come and go."""
        experiments = {run.rsplit("-", 3)[0] for run in _names(self.work / "runs")}
        names = _names(Path("/run/netns"))
        ours = tuple(prefix for one in experiments for prefix in (f"{one}-", f"{one}."))
        return [name for name in names if name.startswith(ours) or self._concerns(name)]

    def _concerns(self, line: str) -> bool:
        return str(self.home) in line or self.own in line


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def ran(program: Program, scenario: str, name: str = "scenario.toml") -> dict[str, Any]:
    """The result of a scenario, whose run has to succeed."""
    return said(program, "run", program.write(scenario, name))


def said(program: Program, *arguments: str) -> dict[str, Any]:
    """What a command prints with --json; it has to succeed."""
    done = program.run(*arguments, "--json")
    assert done.code == 0, done.err
    return done.document


def resident(pid: int) -> int:
    """Bytes of memory that a process takes."""
    (line,) = re.findall(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(line) << 10


def assert_complete(document: dict[str, Any], flows: int, drops: Collection[str] = ()) -> None:
    """Every flow is completed, with both ends agreeing, and packets were dropped for these causes alone."""
    assert document["status"] == "passed"
    assert len(document["flows"]) == flows
    for flow in document["flows"]:
        assert flow["status"] == "completed", flow
        assert flow["reason"] is None
        assert flow["kind"] == "udp" or flow["mode"] == "max" or flow["checksum"].startswith("xxh3:")
        assert flow["goodput_bps"] > 0
    for link in document["link_stats"]:
        assert {cause for cause, packets in link["drops"].items() if packets} <= {*drops}, link


def until_running(program: Program, process: subprocess.Popen[str], processes: int) -> None:
    """Waits until the flows of an experiment have begun, as its run folder's log says."""
    logs = program.work / "runs"
    while process.poll() is None:
        texts = [path.read_text() for path in logs.glob("*/logs/controller.log")]
        if (
            any("flows are handed out" in text for text in texts)
            and len(program.processes("nextmini.dataplane")) == processes
        ):
            return
    raise AssertionError(program.finish(process))
