"""What users write for an algorithm: which of these texts are files, and where they lead to."""

from __future__ import annotations

import os

_SUFFIX = ".py"


def is_file(use: str) -> bool:
    """Whether a file is meant, as in `mine.py` or `plugins/mine.py:Mine`."""
    return use.endswith(_SUFFIX) or f"{_SUFFIX}:" in use


def file_of(use: str) -> tuple[str, str | None]:
    """The path of the file and the name of the class, if one is said."""
    if use.endswith(_SUFFIX):
        return use, None
    path, _, name = use.rpartition(":")
    return path, name


def stem(use: str) -> str:
    """What an algorithm is called that has no other name."""
    if is_file(use):
        return os.path.basename(file_of(use)[0]).removesuffix(_SUFFIX)
    return use.rpartition(":")[2]
