"""Reads a scenario file: which format it has, and what is said if it cannot be read at all."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from nextmini.scenario.reading.document import Document, Flaw, UnreadableError
from nextmini.scenario.reading.json import read_json
from nextmini.scenario.reading.toml import read_toml
from nextmini.scenario.reading.yaml import read_yaml
from nextmini.scenario.wording import alternatives, shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LARGEST = 64 * 1024 * 1024
_HOW_TO_BEGIN = "`nextmini init` writes a first scenario"

FORMATS: dict[str, Callable[[str], Document]] = {
    "toml": read_toml,
    "yaml": read_yaml,
    "yml": read_yaml,
    "json": read_json,
}


def read_file(path: Path) -> Document:
    """The data and lines of a scenario file.

    Raises UnreadableError if it cannot be opened, is no text, or is not what its name says.
    """
    suffix = path.suffix.lower().removeprefix(".")
    try:
        if path.is_dir():
            raise _refused("this is a folder, not a scenario file", _files_in(path))
        if suffix not in FORMATS:
            if not path.exists():
                raise FileNotFoundError(path)
            known = alternatives(f".{name}" for name in FORMATS)
            raise _refused(
                f"the name does not say which format this is: {shown(path.name)}", f"end it with {known}"
            )
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _refused("this is not a regular file", "name a file")
        if status.st_size > _LARGEST:
            raise _refused("this file is larger than 64 MiB", "use a topology that generates nodes and links")
        content = path.read_bytes()
    except FileNotFoundError:
        raise _refused("there is no such file", _similar_files(path)) from None
    except OSError as error:
        raise _refused(
            f"this file cannot be read: {error.strerror}", "check its path and its permissions"
        ) from None
    return read_text(_decoded(content), suffix)


def read_text(text: str, suffix: str) -> Document:
    """The data and lines of a scenario text in the format of `suffix` ("toml", "yaml", "yml" or "json").

    Raises UnreadableError if it is not, or is empty, or holds no tables.
    """
    if not text.strip():
        raise _refused("this file is empty", _HOW_TO_BEGIN)
    document = FORMATS[suffix](text)
    if document.data is None or document.data == {}:
        raise _refused("there is nothing but comments in this file", _HOW_TO_BEGIN)
    if not isinstance(document.data, dict):
        raise _refused(f"expected tables, got {shown(document.data)}", "begin with the table `experiment`")
    return document


def _refused(message: str, remedy: str) -> UnreadableError:
    return UnreadableError(Flaw(None, "scenario", message, remedy))


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = (
            f"this is not a text file in UTF-8 (byte 0x{content[error.start]:02x} at offset {error.start:,})"
        )
        raise UnreadableError(Flaw(line, "scenario", message, "save it as UTF-8")) from None


def _files_in(folder: Path) -> str:
    try:
        names = sorted(str(entry) for entry in folder.iterdir() if entry.suffix.lower()[1:] in FORMATS)
    except OSError:
        names = []
    return f"name a file in it, as in {names[0]}" if names else "name a file"


def _similar_files(path: Path) -> str:
    for suffix in FORMATS:
        other = path.with_name(f"{path.name}.{suffix}")
        if other.is_file():
            return f"did you mean {other}?"
    return f"check the path; {_HOW_TO_BEGIN}, `nextmini example list` shows others"
