"""What the processes of a running experiment write, line by line."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from nextmini.live.choice import LiveError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOK_SECONDS = 0.2
"""How often files are looked at while they are followed."""
_MOST_BYTES = 2**20
_APP = "app-"
"""What the names of programs' logs begin with, so that none is taken for another one's."""


class Logs:
    """The log files of a run folder, or the one of `source`, read from their beginning."""

    def __init__(self, folder: Path, source: str | None = None) -> None:
        self._folder = folder
        self._source = source
        self._readers: dict[str, _Reader] = {}

    def sources(self) -> list[str]:
        """What the logs are of, the controller first, programs inside nodes last."""
        names = (path.stem for path in (self._folder / "logs").glob("*.log"))
        ours = sorted(names, key=lambda name: (name.partition("-")[0], len(name), name))
        return ours + sorted(f"{_APP}{path.stem}" for path in (self._folder / "apps").glob("*.log"))

    def check(self) -> None:
        """Raises LiveError if there is no log of the chosen source."""
        known = self.sources()
        if self._source is not None and self._source not in known:
            raise LiveError(f"there is no log of {self._source!r}", f"there are {', '.join(known)}")

    def read(self, *, last: bool = False) -> Iterator[tuple[str, str]]:
        """The lines, each with its source, that were not read before; `last`: an unfinished one too."""
        for name in self.sources() if self._source is None else [self._source]:
            if name not in self._readers:
                self._readers[name] = _Reader(self._path(name))
            for line in self._readers[name].lines(last):
                yield name, line

    def _path(self, name: str) -> Path:
        if name.startswith(_APP):
            return self._folder / "apps" / f"{name.removeprefix(_APP)}.log"
        return self._folder / "logs" / f"{name}.log"

    def follow(self, process: int) -> Iterator[tuple[str, str]]:
        """The same, until the process (a descriptor of it) ends."""
        poll = select.poll()
        poll.register(process, select.POLLIN)
        ended = False
        while not ended:
            ended = bool(poll.poll(LOOK_SECONDS * 1000))
            yield from self.read(last=ended)


class _Reader:
    """One file, read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0
        self._begun = b""

    def lines(self, last: bool) -> Iterator[str]:
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self._place)
            while data := file.read(_MOST_BYTES):
                self._place += len(data)
                *whole, self._begun = (self._begun + data).split(b"\n")
                yield from (line.decode("utf-8", "replace") for line in whole)
        if last and self._begun:
            yield self._begun.decode("utf-8", "replace")
            self._begun = b""
