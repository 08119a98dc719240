"""Files beside a scenario, which it names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from nextmini.scenario.files import BadFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def content_of(path: Path, largest: int, remedy: str) -> bytes:
    """What stands in a file of at most `largest` MiB.

    Raises BadFileError, with `remedy` if there is no such file.
    """
    with _refusals(path):
        _find(path, remedy)
        if path.stat().st_size > largest * 2**20:
            raise BadFileError(str(path), None, f"{path} is larger than {largest} MiB", "use a shorter one")
        return path.read_bytes()


def whole(path: Path, remedy: str) -> str:
    """The whole path of a file. Raises BadFileError, with `remedy` if there is no such file."""
    with _refusals(path):
        _find(path, remedy)
        return str(path.absolute())


def _find(path: Path, remedy: str) -> None:
    if not path.is_file():
        what = "this is a folder" if path.is_dir() else f"there is no file {path}"
        raise BadFileError(str(path), None, what, remedy)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise BadFileError(
            str(path), None, f"{path} cannot be read: {reason}", "check its path and its permissions"
        ) from None
