"""What is wrong with a scenario, at paths into its data: ("links", 0, "ends", 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = tuple[str | int, ...]


class Finding(NamedTuple):
    """One thing that is wrong: where, what, and what to do about it.

    `place` is the file and line of what stands in another file.
    """

    path: Path
    message: str
    remedy: str | None = None
    place: tuple[str, int] | None = None


def key_text(path: Path) -> str:
    """A path as text: `links[0].ends[1]`; "scenario" stands for the whole."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "scenario"


def line_at(lines: Mapping[Path, int], path: Path) -> int | None:
    """The line where the value at `path` stands, or the nearest table or list around it that has one."""
    for length in range(len(path), 0, -1):
        line = lines.get(path[:length])
        if line is not None:
            return line
    return None
