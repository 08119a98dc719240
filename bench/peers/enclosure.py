"""A machine within the machine, where a program makes networks that nobody else sees and that end with it.

The program is the first process of namespaces of its own: of networks, so that names, addresses, firewall
rules and the settings of bridges are nobody else's; of mounts, so that what it notes in /run is not left
behind; and of processes, so that the kernel ends whatever it has started when it ends. It is told what to do
by lines of its standard input, and answers each with a line of JSON. See unshare(1).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.peers.programs import tied
from nextmini.bench.prerequisites import require_root
from nextmini.bench.processes import descendants
from nextmini.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_ROOT = Path(__file__).parents[2]
OWN_PYTHON = sys.executable
DEBIANS_PYTHON = "/usr/bin/python3"
"""Which has the modules of Debian's packages."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A program that runs; `what` it is called in errors."""

    what: str
    program: subprocess.Popen[str]

    @property
    def process(self) -> int:
        """The number of the process that has all others below it."""
        return self.program.pid

    def ask(self, command: str) -> dict[str, Any]:
        """Tells it a line, and returns its answer. Raises RunError if it ends instead."""
        if self.program.stdin is not None:
            try:
                self.program.stdin.write(f"{command}\n")
                self.program.stdin.flush()
            except BrokenPipeError:  # it has ended, and what it said last is why
                pass
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next line that it says by itself. Raises RunError if it ends instead."""
        line = self.program.stdout.readline() if self.program.stdout is not None else ""
        if not line:
            raise RunError(f"{self.what} failed: {self._last_words()}")
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise RunError(f"{self.what} says what cannot be read: {line.strip()[:200]!r}") from error
        if "error" in answer:
            raise RunError(f"{self.what} failed: {answer['error']}")
        return answer

    def _last_words(self) -> str:
        said = self.program.stderr.read() if self.program.stderr is not None else ""
        return "".join(said.strip().splitlines()[-1:]) or "it said nothing"


@contextmanager
def enclosed(
    what: str, module: str, arguments: Sequence[str], python: str = OWN_PYTHON
) -> Iterator[Enclosure]:
    """A program of `inside` that is ready, run by a Python; all of it is gone after the context.

    Raises PrerequisiteError unless this is root, RunError if it does not get ready.
    """
    require_root()
    program = subprocess.Popen(
        tied(*_UNSHARE, python, "-s", "-m", f"bench.peers.inside.{module}", *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": f"{_ROOT}:{_ROOT / 'python'}"},
    )
    with program:
        try:
            enclosure = Enclosure(what, program)
            enclosure.answer()
            yield enclosure
        finally:
            _end(program)


def _end(program: subprocess.Popen[str]) -> None:
    """Returns when all of it is gone."""
    # The kernel ends the rest with the first process inside, and unshare, which has waited for it, ends then.
    for process in descendants(program.pid)[:1]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            program.wait()
    program.kill()
