"""What an experiment that was killed has left on this machine, apart from its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nextmini.hosts import namespaces
from nextmini.hosts.ending import end_processes


@dataclass(frozen=True, slots=True)
class Cleared:
    """Names of network namespaces, and how many processes: those inside of them, and the dataplane's."""

    namespaces: tuple[str, ...] = ()
    processes: int = 0


def clear(folder: Path) -> Cleared:
    """Removes what the notes in an experiment's `folder` name, and ends what would not end by itself.

    Raises PrerequisiteError if that is not possible.
    """
    # A dataplane process ends when its parent does, but may take a while, or be stopped.
    orphans = end_processes(
        lambda process: _is_dataplane(process, folder / "token"), "dataplane processes that nobody manages"
    )
    names = namespaces.noted(folder)
    return Cleared(tuple(names), orphans + namespaces.clear(folder))


def _is_dataplane(process: int, token_file: Path) -> bool:
    """Whether it is one that was to end with its parent, of the experiment of this token."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is somebody else's
        return False
    if b"--exit-with-parent" not in words or b"--token-file" not in words:
        return False
    return words[words.index(b"--token-file") + 1] == bytes(token_file)
