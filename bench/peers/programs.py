"""What programs say of themselves."""

from __future__ import annotations

import subprocess

from nextmini.errors import RunError


def first_line(*command: str) -> str:
    """The first line that a command says, wherever it says it. Raises RunError if it says none."""
    done = subprocess.run(  # noqa: S603 - our own commands
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if not lines:
        raise RunError(f"{' '.join(command)}: it said nothing (exit code {done.returncode})")
    return lines[0]
