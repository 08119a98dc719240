"""What a process leaves for those that are forked from the same parent after it: in memory that all share."""

from __future__ import annotations

import os

_SIZE_BYTES = 8


class Handover:
    """Some bytes, none at first. Whoever is killed while it leaves something has left nothing."""

    def __init__(self) -> None:
        self._file = os.memfd_create("handover")

    def leave(self, content: bytes) -> None:
        """Puts this in the place of what is there."""
        self._write(bytes(_SIZE_BYTES), 0)
        self._write(content, _SIZE_BYTES)
        self._write(len(content).to_bytes(_SIZE_BYTES, "big"), 0)

    def found(self) -> bytes:
        """What was left last."""
        size = int.from_bytes(os.pread(self._file, _SIZE_BYTES, 0), "big")
        return os.pread(self._file, size, _SIZE_BYTES)

    def close(self) -> None:
        """Gives the memory back."""
        os.close(self._file)

    def _write(self, content: bytes, at: int) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[os.pwrite(self._file, rest, at + len(content) - len(rest)) :]
