"""The scenarios that come with Nextmini: the files of `configs/`, which every wheel carries."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING

from nextmini.errors import NextminiError
from nextmini.scenario.plugin_names import file_of, is_file
from nextmini.scenario.wording import nearest, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

_SUFFIX = ".toml"
_FILES = ("trace", "matrix", "sizes", "path", "nodes_path", "use")
"""Keys whose values may be names of files."""
_TABLES = ("files",)
"""Keys whose values are tables with names of files."""


class ExampleError(NextminiError):
    """There is no such example."""

    exit_code = 2


def example_names() -> list[str]:
    """The names of all examples, in alphabetical order."""
    entries = (entry.name for entry in _folder().iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in entries if name.endswith(_SUFFIX))


def example_text(name: str) -> str:
    """The text of an example; its file name will do too.

    Raises ExampleError if there is none of this name.
    """
    wanted = name.removesuffix(_SUFFIX)
    names = example_names()
    if wanted not in names:
        meant = nearest(wanted, names)
        hint = f"did you mean {meant}? " if meant else ""
        raise ExampleError(f"there is no example {shown(wanted)}", f"{hint}`nextmini example list` shows all")
    return (_folder() / f"{wanted}{_SUFFIX}").read_text("utf-8")


def example_summary(name: str) -> str:
    """What an example shows: the first line of its opening comment."""
    return example_text(name).split("\n", 1)[0].lstrip("# ").rstrip(".")


def example_files(name: str) -> dict[str, str]:
    """The files that an example needs beside it, by the names that it has for them.

    Raises ExampleError if there is none of this name.
    """
    named = dict.fromkeys(_named_files(tomllib.loads(example_text(name))))
    files = {file: _folder() / file for file in named}
    return {name: file.read_text("utf-8") for name, file in files.items() if file.is_file()}


def shipped_topologies() -> list[str]:
    """The files of topologies, as examples name them."""
    folder = _folder() / "topologies"
    return sorted(f"topologies/{entry.name}" for entry in folder.iterdir())


def _named_files(value: object) -> Iterator[str]:
    """Texts of keys that may be the names of files, wherever they stand."""
    if isinstance(value, list):
        for item in value:
            yield from _named_files(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _FILES and isinstance(item, str):
                yield file_of(item)[0] if is_file(item) else item
            elif key in _TABLES and isinstance(item, dict):
                yield from (file for file in item.values() if isinstance(file, str))
            else:
                yield from _named_files(item)


def _folder() -> Traversable:
    return files("nextmini") / "configs"
