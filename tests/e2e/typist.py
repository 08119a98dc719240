"""Somebody at a terminal, for programs that behave differently there."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING, Self

from program import PATIENCE

if TYPE_CHECKING:
    from program import Program

SIZE = (40, 120)
"""Lines and columns."""

_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07")


class Typist:
    """Starts `nextmini` on a terminal of its own, types, and reads what is shown; as a context."""

    def __init__(self, program: Program, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, SIZE)
        start = (
            "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
            " os.execv(sys.executable, [sys.executable, '-m', 'nextmini.cli.main', *sys.argv[1:]])"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", start, *arguments],
            cwd=program.work,
            # It would ask where the cursor is, and nobody here answers.
            env=program.environment | {"PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self._shown = b""

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def enter(self, line: str) -> None:
        """Types a line and sees it accepted."""
        self.type(f"{line}\r")
        self.until(f"{line}\r\r\n")

    def until(self, text: str) -> str:
        """What is shown up to `text`, without what moves the cursor or gives colours."""
        deadline = time.monotonic() + PATIENCE
        while (plain := _ESCAPES.sub(b"", self._shown).decode(errors="replace")).find(text) < 0:
            if not select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{text!r} is not shown, but {plain!r}")
            try:
                self._shown += os.read(self._ours, 65536)
            except OSError:
                raise AssertionError(f"it ended after {plain!r}") from None
        at = plain.index(text) + len(text)
        self._shown = plain[at:].encode()
        return plain[:at]

    def finish(self) -> int:
        """Waits for its end; returns the exit code."""
        try:
            while os.read(self._ours, 65536):
                pass
        except OSError:  # it has closed the terminal
            pass
        return self.process.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
