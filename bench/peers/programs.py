"""Programs of others: tied to who starts them, and what they say of themselves."""

from __future__ import annotations

import subprocess

from nextmini.errors import RunError

TIED = ("setpriv", "--pdeathsig", "KILL")
"""Before a command: the kernel ends it when the thread that started it has ended, however that came about."""


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
