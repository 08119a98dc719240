"""The state folder: what outlives a command and is no result.

```
<state>/                      mode 0700
├── postgres/                 the embedded server, see `nextmini.store.cluster`
└── experiments/
    ├── <name>.lock           held (flock) by the run that has the experiment; names its process
    └── <name>/token, key     secrets of that run, mode 0600; gone when it ends
```
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from nextmini.errors import ControllerError, PrerequisiteError
from nextmini.store.locks import FileLock, claim_file

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "NEXTMINI_STATE"


@dataclass(frozen=True, slots=True)
class ExperimentSecrets:
    """What guards one experiment; it stands in two files and nowhere else."""

    token_file: Path
    key_file: Path
    token: str
    """Demanded from every dataplane process by the controller."""
    key: str
    """Authenticates the ends of links to each other: 32 random bytes as 64 hex digits."""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Where the state of this user lies on this machine."""

    path: Path

    @classmethod
    def locate(cls, chosen: Path | None = None) -> StateFolder:
        """`chosen`, else $NEXTMINI_STATE, else /var/lib/nextmini for root, else the XDG state folder."""
        return cls(_absolute(chosen or _default()))

    @property
    def experiments(self) -> Path:
        return self.path / "experiments"

    @contextmanager
    def hold(self, experiment: str) -> Iterator[ExperimentSecrets]:
        """Has the experiment to itself on this machine, with fresh secrets; removes both at the end.

        Raises ControllerError if a living process has it, PrerequisiteError if the folder cannot be written.
        """
        try:
            make_private_folder(self.experiments)
            lock = claim_file(self._lock_file(experiment))
        except OSError as error:
            raise _unwritable(self.path, error) from error
        if lock is None:
            raise ControllerError(
                f"experiment {experiment!r} is already running here{self._holder(experiment)}",
                "wait for it to end, or give this one another name",
            )
        try:
            yield self._renew_secrets(experiment, lock)
        finally:
            self._forget(experiment, lock)

    def remove_abandoned(self) -> list[str]:
        """Removes what killed runs left; returns the names of their experiments."""
        removed = []
        for path in sorted(self.experiments.glob("*.lock")):
            lock = claim_file(path)
            if lock is not None:
                name = unquote(path.stem)
                self._forget(name, lock)
                removed.append(name)
        return removed

    def _renew_secrets(self, experiment: str, lock: FileLock) -> ExperimentSecrets:
        folder = self._folder(experiment)
        token, key = secrets.token_urlsafe(32), secrets.token_hex(32)
        try:
            os.ftruncate(lock.fileno(), 0)
            os.pwrite(lock.fileno(), f"{os.getpid()}\n".encode(), 0)
            if folder.exists():  # of a run that was killed
                shutil.rmtree(folder)
            folder.mkdir(mode=0o700)
            return ExperimentSecrets(
                token_file=_write_secret(folder / "token", token),
                key_file=_write_secret(folder / "key", key),
                token=token,
                key=key,
            )
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def _forget(self, experiment: str, lock: FileLock) -> None:
        folder = self._folder(experiment)
        try:
            if folder.exists():
                shutil.rmtree(folder)
            self._lock_file(experiment).unlink(missing_ok=True)
        finally:
            lock.close()

    def _holder(self, experiment: str) -> str:
        try:
            text = self._lock_file(experiment).read_text().strip()
        except OSError:  # it ended this very moment
            return ""
        return f" (process {text})" if text else ""

    def _folder(self, experiment: str) -> Path:
        return self.experiments / _file_name(experiment)

    def _lock_file(self, experiment: str) -> Path:
        return self.experiments / f"{_file_name(experiment)}.lock"


def make_private_folder(path: Path) -> None:
    """Makes a folder and its missing parents, all of them mode 0700.

    Raises OSError if that is not possible.
    """
    if path.is_dir():
        return
    if path.exists():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    make_private_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def _default() -> Path:
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/lib/nextmini")
    base = Path(os.environ.get("XDG_STATE_HOME", ""))
    # The XDG specification says to ignore a relative path.
    return (base if base.is_absolute() else Path.home() / ".local/state") / "nextmini"


def _absolute(path: Path) -> Path:
    return Path(os.path.realpath(path.expanduser()))


def _file_name(experiment: str) -> str:
    """A file name that no experiment shares with another, and that stays inside its folder."""
    name = quote(experiment, safe="")
    return "%2E" + name[1:] if name.startswith(".") else name


def _write_secret(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    return path


def _unwritable(path: Path, error: OSError) -> PrerequisiteError:
    return PrerequisiteError(
        f"the state folder {path} cannot be written: {error.strerror or error}",
        f"choose another with --state-dir or the variable {VARIABLE}",
    )
