"""Writing files for users: never over one that is there already."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from nextmini.errors import NextminiError

if TYPE_CHECKING:
    from pathlib import Path


class FileError(NextminiError):
    """A file cannot be written."""

    exit_code = 2


def write_new(path: Path, content: str | bytes) -> None:
    """Writes text or bytes to a new file.

    Raises FileError if it is there already or cannot be written.
    """
    try:
        with path.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
    except FileExistsError:
        raise FileError(f"{path} is there already", "choose another name, or remove it first") from None
    except FileNotFoundError:
        raise FileError(f"there is no folder {path.parent}", "make it first") from None
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}", "choose another place") from None


def write_with_folder(path: Path, text: str) -> bool:
    """Writes `text` to a new file in a folder that is made for it; whether the file was not there yet.

    One that is there and has the same text is as good. Raises FileError as `write_new` does.
    """
    # Whatever stands in the way, writing tells.
    with suppress(OSError, UnicodeDecodeError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.read_text("utf-8") == text:
            return False
    write_new(path, text)
    return True
