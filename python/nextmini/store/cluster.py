"""One PostgreSQL data folder and its server: made, started, stopped and, after a crash, recovered.

```
<state>/postgres/          mode 0700; every program works here, so that no path goes through a shell
├── data/                  PostgreSQL's own, mode 0700; made as data.new and renamed, so never half made
├── socket/                the server's unix socket, unless its path would be too long
├── server.log             of this start; server.previous.log of the one before
└── gate.lock, users.lock  see `nextmini.store.sharing`
```

Blocking; called from a thread, by one process at a time.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from nextmini.errors import DatabaseError
from nextmini.store.command import Outcome, run
from nextmini.store.leftovers import end_processes_in, processes_in
from nextmini.store.programs import open_to_owner, refused_namespace
from nextmini.store.state import make_private_folder

if TYPE_CHECKING:
    from nextmini.store.command import Interrupt
    from nextmini.store.programs import Programs

PORT = 5432
USER = "nextmini"
DATABASE = "postgres"

# sun_path of a unix socket is 108 bytes, the last of them NUL.
_LONGEST_SOCKET_PATH = 107
# What stands in PostgreSQL's list of folders and in a connection URL as it is.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",  # a run takes up to eight; twenty runs and the people who look at them
    # Rows are needed while a run goes and its folder keeps what is worth keeping: they may be lost with
    # the machine. They survive a server that is killed: what it wrote is with the kernel.
    "fsync": "off",
    "wal_level": "minimal",  # no replicas; and rows copied into a table just emptied skip the log
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "dynamic_shared_memory_type": "mmap",  # nothing in /dev/shm, where a killed server would leave it
    "max_parallel_workers_per_gather": "0",
    "io_method": "sync",  # no processes for reading a few megabytes
    "jit": "off",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

_ANOTHER_FOLDER = "choose another state folder with --state-dir or NEXTMINI_STATE"
_INITDB_SECONDS = 60.0
_START_SECONDS = 60
_STOP_SECONDS = 20


class Cluster:
    """The data folder in `folder` and the server on it."""

    def __init__(self, folder: Path, programs: Programs) -> None:
        self._folder = folder
        self._programs = programs
        self._data = folder / "data"
        self._log = folder / "server.log"
        self._socket = socket_folder(folder)

    @property
    def dsn(self) -> str:
        """The server's address, for asyncpg."""
        return f"postgresql://{USER}@/{DATABASE}?host={quote(str(self._socket))}&port={PORT}"

    def is_running(self) -> bool:
        """Whether the server that the data folder names is alive."""
        return self._postmaster() in processes_in(self._data)

    def make(self, interrupt: Interrupt) -> None:
        """Makes the data folder unless it is there.

        Raises DatabaseError, PrerequisiteError, or CalledOffError.
        """
        for unfinished in self._folder.glob("data.new*"):
            shutil.rmtree(unfinished)
        if self._data.is_dir():
            return
        new = Path(tempfile.mkdtemp(prefix="data.new", dir=self._folder))
        try:
            outcome = run(
                self._programs.command(
                    "initdb", f"--pgdata={new.name}", f"--username={USER}", "--auth=trust", "--no-locale",
                    "--encoding=UTF8", "--no-sync", "--no-instructions",
                ),
                self._folder,
                seconds=_INITDB_SECONDS,
                interrupt=interrupt,
            )  # fmt: skip
            if outcome.returncode != 0:
                raise self._failure("cannot make its data folder", outcome)
            new.rename(self._data)
        finally:
            if new.exists():
                end_processes_in(new)
                shutil.rmtree(new)

    def start(self) -> None:
        """Starts the server and waits until it answers; recovers first what a killed server left.

        Raises DatabaseError, with the end of the server's log, or PrerequisiteError.
        """
        # Leftovers would be taken for a running server's if another process got the number that they name.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        self._renew_socket_folder()
        if self._log.exists():
            self._log.replace(self._folder / "server.previous.log")
        settings = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in self._settings().items())
        outcome = self._pg_ctl(
            "start", f"--log={self._log.name}", f"--options={settings}", seconds=_START_SECONDS
        )
        if outcome.returncode != 0:
            failure = self._failure("did not start", outcome)
            self.stop()
            raise failure

    def stop(self) -> None:
        """Stops the server, if any, and whatever a crash left of one; returns when all processes are gone."""
        if self.is_running():
            self._pg_ctl("stop", "--mode=fast", seconds=_STOP_SECONDS)
        end_processes_in(self._folder)
        if self._socket.exists():
            shutil.rmtree(self._socket)

    def _pg_ctl(self, verb: str, *options: str, seconds: int) -> Outcome:
        command = self._programs.command(
            "pg_ctl", verb, f"--pgdata={self._data.name}", "--wait", f"--timeout={seconds}", *options
        )
        return run(command, self._folder, seconds=seconds + 10)

    def _settings(self) -> dict[str, str]:
        return SETTINGS | {"port": str(PORT), "unix_socket_directories": str(self._socket)}

    def _renew_socket_folder(self) -> None:
        if self._socket.exists():
            shutil.rmtree(self._socket)
        self._socket.mkdir(mode=0o700)  # fails if somebody else has made it meanwhile

    def _postmaster(self) -> int | None:
        try:
            return int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    def _failure(self, what: str, outcome: Outcome) -> Exception:
        if refused := refused_namespace(outcome.output):
            return refused
        said = outcome.output.splitlines() + tail(self._log)
        return DatabaseError(
            f"the embedded PostgreSQL server in {self._folder} {what}:\n  " + "\n  ".join(said[-25:]) + "\n",
            f"free its disk or repair what it names; if all else fails remove {self._data}"
            " (results of past runs are in their run folders)",
        )


def socket_folder(folder: Path) -> Path:
    """Where the server of `folder` has its socket: inside it if that fits, else a short path of its own."""
    inside = folder / "socket"
    longest = f"{inside}/.s.PGSQL.{PORT}"
    if len(os.fsencode(longest)) <= _LONGEST_SOCKET_PATH and _PLAIN_PATH.fullmatch(longest):
        return inside
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    if os.geteuid() == 0:
        return Path(f"/run/nextmini-{name}")
    return Path(f"/tmp/nextmini-{os.geteuid()}-{name}")  # noqa: S108 - made exclusively, mode 0700


def tail(log: Path, lines: int = 20) -> list[str]:
    """The last lines of the server's log; none if there is no log."""
    try:
        return log.read_text(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []


def make_cluster_folder(state: Path) -> Path:
    """The folder for a server's files in a state folder, made if needed.

    Raises OSError if it cannot be made, DatabaseError if it belongs to somebody else.
    """
    make_private_folder(state)
    folder = state / "postgres"
    make_private_folder(folder)
    if folder.stat().st_uid != os.geteuid():
        raise DatabaseError(
            f"{folder} belongs to user {folder.stat().st_uid}",
            _ANOTHER_FOLDER,
        )
    if os.geteuid() == 0 and not open_to_owner(folder):
        raise DatabaseError(
            f"{folder} lies in a folder that is closed to root's programs in a user namespace",
            _ANOTHER_FOLDER,
        )
    return folder
