"""Files beside a scenario, which it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.files import BadFileError

if TYPE_CHECKING:
    from pathlib import Path


def content_of(path: Path, largest: int, remedy: str) -> bytes:
    """What stands in a file of at most `largest` MiB.

    Raises BadFileError, with `remedy` if there is no such file.
    """
    try:
        if not path.is_file():
            what = "this is a folder" if path.is_dir() else f"there is no file {path}"
            raise BadFileError(str(path), None, what, remedy)
        if path.stat().st_size > largest * 2**20:
            raise BadFileError(str(path), None, f"{path} is larger than {largest} MiB", "use a shorter one")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise BadFileError(
            str(path), None, f"{path} cannot be read: {reason}", "check its path and its permissions"
        ) from None
