"""The state folder: what outlives a command and is no result.

```
<state>/                      mode 0700
├── postgres/                 the embedded server, see `nextmini.store.cluster`
└── experiments/
    ├── <name>.lock           held (flock) by the run that has the experiment; names its process
    ├── <name>.json           what that run says of itself, see `nextmini.store.registry`
    └── <name>/token, key, metrics-token
                              secrets of that run, mode 0600; all of this is gone when it ends, unless it is a
                              controller that was killed: another one may go on with them
```

What else a run has on the machine is noted in `<name>/` too, by who makes it, and cleared by `clear` before
the notes go: also after a run was killed.

Whoever looks for abandoned locks takes them for a moment, so both that and taking one for good are done while
holding a lock on the folder `experiments` itself: nobody is ever refused because somebody looked.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import hmac
import os
import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, unquote

from nextmini.errors import ControllerError, PrerequisiteError
from nextmini.store import registry
from nextmini.store.given_secrets import GivenSecrets
from nextmini.store.locks import FileLock, claim_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nextmini.store.registry import Registration

VARIABLE = "NEXTMINI_STATE"


@dataclass(frozen=True, slots=True)
class ExperimentSecrets:
    """What guards one experiment; it stands in files of their own and nowhere else."""

    token_file: Path
    key_file: Path
    token: str = field(repr=False)
    """Demanded from every dataplane process by the controller."""
    key: str = field(repr=False)
    """Authenticates the ends of links to each other: 32 random bytes as 64 hex digits."""

    @property
    def folder(self) -> Path:
        """The experiment's own, for notes of what it has on the machine."""
        return self.token_file.parent


def _nothing(folder: Path) -> None:
    """Nothing is to be cleared."""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Where the state of this user lies on this machine."""

    path: Path
    clear: Callable[[Path], object] = _nothing
    """Clears from the machine what the notes in an experiment's folder name. Raises NextminiError."""

    @classmethod
    def locate(cls, chosen: Path | None = None, clear: Callable[[Path], object] = _nothing) -> StateFolder:
        """`chosen`, else $NEXTMINI_STATE, else /var/lib/nextmini for root, else the XDG state folder."""
        return cls(_absolute(chosen or _default()), clear)

    @property
    def experiments(self) -> Path:
        return self.path / "experiments"

    @contextmanager
    def hold(
        self,
        experiment: str,
        registration: Registration | None = None,
        secrets: Literal["fresh", "kept"] = "fresh",
        outlive: Callable[[BaseException], bool] | None = None,
        given: GivenSecrets | None = None,
    ) -> Iterator[ExperimentSecrets]:
        """Has the experiment to itself on this machine, with its secrets; removes both at the end.

        With a `registration`, others can find it. `kept` secrets, and what is noted beside them, are those of
        a process that was killed, if they are there; whoever fails with them leaves them as they were, and
        fresh ones that are to `outlive` this error. Secrets that are `given` take the place of new ones.
        Raises ControllerError if a living process has the experiment, or if the secrets kept are not those
        given; PrerequisiteError if the folder cannot be written.
        """
        try:
            make_private_folder(self.experiments)
            with self._gate():
                lock = claim_file(self._lock_file(experiment))
                if lock is not None:
                    self._take_over(experiment, lock, registration)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        if lock is None:
            raise ControllerError(
                f"experiment {experiment!r} is already running here{self._holder(experiment)}",
                "wait for it to end, or give this one another name",
            )
        kept = self._kept_secrets(experiment) if secrets == "kept" else None
        try:
            _check_same(experiment, kept, given)
            yield kept or self._renew_secrets(experiment, given)
        except BaseException as error:
            if kept is None and not (outlive is not None and outlive(error)):
                self._leave(experiment, lock)
            else:
                lock.close()
            raise
        else:
            self._leave(experiment, lock)

    def register(self, registration: Registration) -> None:
        """Renews what an experiment says of itself; for who holds it.

        Raises PrerequisiteError if the folder cannot be written.
        """
        try:
            registry.write(self._registry_file(registration.name), registration)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def running(self) -> list[Registration]:
        """The experiments that living processes hold and that say of themselves what they are, by name.

        Raises PrerequisiteError if the folder cannot be read.
        """
        with self._each() as locks:
            held = [path for path, lock in locks if lock is None]
            found = [registry.read(path.with_suffix(".json")) for path in held]
        return [registration for registration in found if registration is not None]

    def remove_abandoned(self) -> list[str]:
        """Removes what killed runs left; returns the names of their experiments.

        Raises PrerequisiteError if the folder cannot be written.
        """
        with self._each() as locks:
            abandoned = [(unquote(path.stem), lock) for path, lock in locks if lock is not None]
            for name, lock in abandoned:
                self._forget(name, lock)
        return [name for name, _ in abandoned]

    @contextmanager
    def _each(self) -> Iterator[list[tuple[Path, FileLock | None]]]:
        """All lock files, each with its lock if nobody else has that; nobody comes or goes meanwhile."""
        locks: list[tuple[Path, FileLock | None]] = []
        try:
            if not self.experiments.is_dir():  # nothing has ever run here
                yield []
                return
            with self._gate():
                locks += [(path, claim_file(path)) for path in sorted(self.experiments.glob("*.lock"))]
                yield locks
        except OSError as error:
            raise _unwritable(self.path, error) from error
        finally:
            for _, lock in locks:
                if lock is not None:
                    lock.close()

    @contextmanager
    def _gate(self) -> Iterator[None]:
        descriptor = os.open(self.experiments, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # nobody has it for longer than a few files take
            yield
        finally:
            os.close(descriptor)

    def _take_over(self, experiment: str, lock: FileLock, registration: Registration | None) -> None:
        """Says who has the experiment from now on. Raises OSError, and then nobody has it."""
        try:
            os.ftruncate(lock.fileno(), 0)
            os.pwrite(lock.fileno(), f"{os.getpid()}\n".encode(), 0)
            self._registry_file(experiment).unlink(missing_ok=True)  # of a run that was killed
            if registration is not None:
                registry.write(self._registry_file(experiment), registration)
        except BaseException:
            self._forget(experiment, lock)
            raise

    def _kept_secrets(self, experiment: str) -> ExperimentSecrets | None:
        """Those of a process that was killed; None if they are gone."""
        token, key = self.folder(experiment) / "token", self.folder(experiment) / "key"
        try:
            texts = token.read_text(encoding="ascii"), key.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        return ExperimentSecrets(token, key, *texts)

    def _renew_secrets(self, experiment: str, given: GivenSecrets | None) -> ExperimentSecrets:
        folder = self.folder(experiment)
        new = given or GivenSecrets(secrets.token_urlsafe(32), secrets.token_hex(32))
        token, key = new.token, new.key
        try:
            if folder.exists():  # of a run that was killed
                self.clear(folder)
                shutil.rmtree(folder)
            folder.mkdir(mode=0o700)
            _write_secret(folder / "metrics-token", metrics_token(token))
            return ExperimentSecrets(
                token_file=_write_secret(folder / "token", token),
                key_file=_write_secret(folder / "key", key),
                token=token,
                key=key,
            )
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def _leave(self, experiment: str, lock: FileLock) -> None:
        """Gives the experiment up; nobody who looks meanwhile takes it for abandoned."""
        try:
            with self._gate():
                self._forget(experiment, lock)
        except FileNotFoundError:  # somebody has removed the state folder
            lock.close()

    def _forget(self, experiment: str, lock: FileLock) -> None:
        folder = self.folder(experiment)
        try:
            if folder.exists():
                self.clear(folder)
                shutil.rmtree(folder)
            registry.remove(self._registry_file(experiment))
            self._lock_file(experiment).unlink(missing_ok=True)
        finally:
            lock.close()

    def _holder(self, experiment: str) -> str:
        try:
            text = self._lock_file(experiment).read_text().strip()
        except OSError:  # it ended this very moment
            return ""
        return f" (process {text})" if text else ""

    def folder(self, experiment: str) -> Path:
        """An experiment's own folder, for notes of what it has on the machine."""
        return self.experiments / _file_name(experiment)

    def _lock_file(self, experiment: str) -> Path:
        return self.experiments / f"{_file_name(experiment)}.lock"

    def _registry_file(self, experiment: str) -> Path:
        return self.experiments / f"{_file_name(experiment)}.json"


def _check_same(experiment: str, kept: ExperimentSecrets | None, given: GivenSecrets | None) -> None:
    if kept is not None and given is not None and (kept.token, kept.key) != (given.token, given.key):
        raise ControllerError(
            f"the run of {experiment!r} whose controller was killed had another token and key",
            "give those, or give the run up with `nextmini cleanup`",
        )


def metrics_token(token: str) -> str:
    """What opens a controller's metrics, and nothing else: its token cannot be had from it."""
    return hmac.new(token.encode(), b"metrics", hashlib.sha256).hexdigest()


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
    remedy = f"choose another with --state-dir or the variable {VARIABLE}"
    if isinstance(error, PermissionError):
        remedy = f"run as its owner (sudo), or {remedy}"
    return PrerequisiteError(f"the state folder {path} cannot be written: {error.strerror or error}", remedy)
