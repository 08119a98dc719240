"""Advisory locks on files (`flock`), which the kernel releases when their holder dies.

The descriptors are not inherited, so a lock never outlives its process in a child.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class FileLock:
    """An open lock file that holds no lock, a shared one or the exclusive one.

    Two instances exclude each other even inside one process. The file stays when the lock is closed, since
    removing it could leave two holders, one on each file; see `claim_file` for one that may be removed.
    """

    def __init__(self, path: Path) -> None:
        """Opens the file, making it (mode 0600) if needed.

        Raises OSError if that is not possible.
        """
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)

    def fileno(self) -> int:
        """The descriptor, for a child process that waits for the lock on our behalf."""
        if self._descriptor is None:
            raise ValueError("the lock file is closed")
        return self._descriptor

    def try_exclusive(self) -> bool:
        """Takes the exclusive lock unless somebody else has any; gives up a shared lock in any case."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """Takes a shared lock, or turns the exclusive one into it, unless another has that."""
        return self._try(fcntl.LOCK_SH)

    def close(self) -> None:
        """Gives up whatever is held; closing twice does nothing."""
        if self._descriptor is not None:
            # Closing is not enough while a child that is just being started has a copy.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = None

    def _try(self, kind: int) -> bool:
        try:
            fcntl.flock(self.fileno(), kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def claim_file(path: Path) -> FileLock | None:
    """Takes the exclusive lock on a file that its holder removes before it lets go; None if it is taken.

    Raises OSError if the file cannot be opened.
    """
    while True:
        lock = FileLock(path)
        if not lock.try_exclusive():
            lock.close()
            return None
        if _is_at(path, lock.fileno()):
            return lock
        lock.close()  # its last holder removed it between our opening and our locking it


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
