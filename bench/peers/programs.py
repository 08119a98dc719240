"""Programs of others: tied to who starts them, and what they say of themselves."""

from __future__ import annotations

import os
import subprocess

from nextmini.errors import RunError

_TIE = ("setpriv", "--pdeathsig", "KILL", "sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"')
"""The shell is there for who has ended before the kernel was told."""


def tied(*command: str) -> list[str]:
    """A command that the kernel ends when the thread that has started it ends, however that comes about."""
    return [*_TIE, str(os.getpid()), *command]


def first_line(*command: str, having: str = "") -> str:
    """The first line that a command says and that has a text in it. Raises RunError if it says none."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip() and having in line]
    if not lines:
        raise RunError(f"{' '.join(command)}: it does not say so (exit code {done.returncode})")
    return lines[0]
