"""What a machine must have for a benchmark."""

from __future__ import annotations

import os
import shutil

from nextmini.errors import PrerequisiteError


def require_root() -> None:
    """Raises PrerequisiteError unless this is root, whom network namespaces need."""
    if os.geteuid() != 0:
        raise PrerequisiteError("nodes with network namespaces need root", "run as root (sudo)")


def require_program(program: str, package: str) -> None:
    """Raises PrerequisiteError if this machine has no such program."""
    if shutil.which(program) is None:
        raise PrerequisiteError(f"there is no program {program}", f"install it: apt install {package}")
