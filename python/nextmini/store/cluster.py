"""One PostgreSQL data folder and its server: made, started, stopped and, after a crash, recovered.

```
<state>/postgres/          mode 0700; every program works here, and is known by that
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
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from nextmini.errors import DatabaseError
from nextmini.store.command import check_called_off, ends_within, run, spawn
from nextmini.store.leftovers import ask_to_end, end_processes_in, processes_in
from nextmini.store.programs import open_to_owner, refused_namespace
from nextmini.store.state import make_private_folder

if TYPE_CHECKING:
    import subprocess

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
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_READY_SECONDS = 0.02
_TAIL_BYTES = 4096


class Cluster:
    """The data folder in `folder` and the server on it."""

    def __init__(self, folder: Path, programs: Programs) -> None:
        self._folder = folder
        self._programs = programs
        self._data = folder / "data"
        self._pid_file = self._data / "postmaster.pid"
        self._log = folder / "server.log"
        self._server: subprocess.Popen[bytes] | None = None
        self._socket = socket_folder(folder)

    @property
    def dsn(self) -> str:
        """The server's address, for asyncpg."""
        return f"postgresql://{USER}@/{DATABASE}?host={quote(str(self._socket))}&port={PORT}"

    def is_running(self) -> bool:
        """Whether the server that the data folder names is alive."""
        return self._postmaster() in processes_in(self._data)

    def is_made(self) -> bool:
        """Whether there is a data folder."""
        return (self._data / "PG_VERSION").is_file()

    def open_process(self) -> int | None:
        """A descriptor of the server's first process, for the caller to close; None if none runs."""
        postmaster = self._postmaster()
        if postmaster is None:
            return None
        try:
            descriptor = os.pidfd_open(postmaster)
        except ProcessLookupError:
            return None
        # Its number cannot pass to another process while we hold it.
        if self.is_running():
            return descriptor
        os.close(descriptor)
        return None

    def make(self) -> None:
        """Makes the data folder unless it is there: a second's work, once, and so not to be interrupted.

        Raises DatabaseError or PrerequisiteError.
        """
        self._remove_unfinished()
        if self._data.is_dir():
            return
        new = Path(tempfile.mkdtemp(prefix="data.new", dir=self._folder))
        try:
            outcome = run(
                self._programs.command(
                    "initdb", f"--pgdata={new.name}", f"--username={USER}", "--auth=trust", "--no-locale",
                    "--encoding=UTF8", "--no-sync", "--no-instructions",
                    # As in SETTINGS: an initdb that is killed leaves nothing in /dev/shm either.
                    "--set=dynamic_shared_memory_type=mmap",
                ),
                self._folder,
                seconds=_INITDB_SECONDS,
            )  # fmt: skip
            if outcome.returncode != 0:
                raise self._failure("cannot make its data folder", outcome.output.splitlines())
            new.rename(self._data)
        finally:
            if new.exists():
                end_processes_in(new)
                shutil.rmtree(new)

    def start(self, interrupt: Interrupt) -> None:
        """Starts the server and waits until it answers; `stop` has cleared away what was there before.

        A data folder whose server was killed is recovered. Raises DatabaseError, with the end of the server's
        log, PrerequisiteError or CalledOffError; nothing runs then.
        """
        self._socket.mkdir(mode=0o700)  # fails if somebody else has made it
        if self._log.exists():
            self._log.replace(self._folder / "server.previous.log")
        options = [option for name, value in self._settings().items() for option in ("-c", f"{name}={value}")]
        with self._log.open("wb") as log:
            command = self._programs.command("postgres", "-D", self._data.name, *options)
            self._server = spawn(command, self._folder, log)
        try:
            self._wait_until_ready(self._server, interrupt)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops the server, if any, and clears away whatever a crash left of one.

        Leftovers would be taken for a running server's if another process got the number that they name.
        Raises DatabaseError if that is not possible.
        """
        server, self._server = self._server, None
        if server is not None and server.poll() is None:
            _end_own(server)
        # If ours had died, another run may have started the one that runs now.
        if (postmaster := self._postmaster()) is not None:
            ask_to_end(postmaster, self._folder, seconds=_STOP_SECONDS)
        end_processes_in(self._folder)
        self._remove_unfinished()
        self._pid_file.unlink(missing_ok=True)
        if self._socket.exists():
            shutil.rmtree(self._socket)

    def _remove_unfinished(self) -> None:
        """Removes data folders that somebody was killed while making."""
        for unfinished in self._folder.glob("data.new*"):
            shutil.rmtree(unfinished)

    def let_go(self) -> None:
        """Leaves the server to its other users."""
        if self._server is not None and self._server.poll() is None:
            self._server.returncode = 0  # it runs on, which Popen's destructor would warn about
        self._server = None

    def _wait_until_ready(self, server: subprocess.Popen[bytes], interrupt: Interrupt) -> None:
        deadline = time.monotonic() + _START_SECONDS
        # The status in this file is all that PostgreSQL tells; pg_ctl looks at it too, ten times a second.
        while not self._is_ready(server.pid):
            if ends_within(_READY_SECONDS, server, interrupt):
                check_called_off(server, interrupt)
                raise self._failure("did not start", tail(self._log))
            if time.monotonic() > deadline:
                raise self._failure(f"did not answer within {_START_SECONDS:.0f} seconds", tail(self._log))

    def _is_ready(self, pid: int) -> bool:
        lines = self._pid_file_lines()
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _postmaster(self) -> int | None:
        lines = self._pid_file_lines()
        return int(lines[0]) if lines and lines[0].isdigit() else None

    def _pid_file_lines(self) -> list[str]:
        try:
            return self._pid_file.read_text().splitlines()
        except FileNotFoundError:
            return []

    def _settings(self) -> dict[str, str]:
        return SETTINGS | {"port": str(PORT), "unix_socket_directories": str(self._socket)}

    def _failure(self, what: str, said: list[str]) -> Exception:
        if refused := refused_namespace(said):
            return refused
        return DatabaseError(
            f"the embedded PostgreSQL server in {self._folder} {what}:\n  " + "\n  ".join(said[-20:]) + "\n",
            f"free its disk or repair what it names; if all else fails remove {self._data}"
            " (results of past runs are in their run folders)",
        )


def _end_own(server: subprocess.Popen[bytes]) -> None:
    os.kill(server.pid, signal.SIGINT)  # a fast shutdown; send_signal() might reap it before we can wait
    if not ends_within(_STOP_SECONDS, server, None):
        server.kill()
    server.wait()


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


def tail(log: Path) -> list[str]:
    """The last lines of the server's log; none if there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def make_cluster_folder(state: Path) -> None:
    """Makes the folder for a server's files in a state folder, unless it is there.

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
