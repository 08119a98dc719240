"""Programs with windows inside nodes."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from nextmini.errors import PrerequisiteError
from nextmini.hosts.commands import spawn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextmini.hosts.commands import Place

# A display of this machine has a socket in the file system, which is the same inside of nodes.
_LOCAL = (":", "unix:")


def open_window(place: Place, command: Sequence[str]) -> None:
    """Starts a program with windows inside a node, where it stays until the experiment ends.

    Raises PrerequisiteError if there is no display that it reaches, CommandError without such a program.
    """
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise PrerequisiteError("windows need a display, and DISPLAY is not set", "run it where X is")
    if not display.startswith(_LOCAL):
        raise PrerequisiteError(
            f"nodes do not reach the display {display}, which is on another machine",
            "use `nextmini exec NODE -- bash` in a terminal of its own",
        )
    quiet = subprocess.DEVNULL
    process = spawn(place, command, stdin=quiet, stdout=quiet, stderr=quiet)
    process.returncode = 0  # it runs on, which Popen's destructor would warn about
