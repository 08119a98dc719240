"""One server per state folder, shared by all runs of its user: the first in starts it, the last out stops it.
If it dies in between, the first to notice starts it again.

Two locks, both held by `flock` and so given up by the kernel when their holder dies. `gate.lock` is held
while somebody goes in or out; `users.lock` is shared by all who use the server. Whoever can have
`users.lock` exclusively is alone: whatever runs then was left by a run that was killed.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nextmini.errors import DatabaseError
from nextmini.store.cluster import Cluster, make_cluster_folder, tail
from nextmini.store.command import CalledOffError, Interrupt, run
from nextmini.store.locks import FileLock
from nextmini.store.programs import Programs

if TYPE_CHECKING:
    from collections.abc import Iterator

# Going in or out takes about a second, the recovery of a killed server a few more.
_GATE_SECONDS = 120.0
_TAKE_LOCK = "import fcntl, sys; fcntl.flock(int(sys.argv[1]), fcntl.LOCK_EX)"


class DataLostError(DatabaseError):
    """The data folder is gone, and with it all that a server could be started again for."""


class SharedServer:
    """A run's share of the server. Blocking; `interrupt` may come from another thread."""

    def __init__(self, state: Path, programs: Programs | None = None) -> None:
        self._state = Path(os.path.realpath(state))
        self._programs = programs
        self._interrupt = Interrupt()
        # Whoever gave up waiting for `enter` may call `leave` while it is still at work.
        self._turn = threading.Lock()
        self._users: FileLock | None = None
        self._cluster: Cluster | None = None

    def enter(self) -> str:
        """Starts the server unless it runs, and returns its DSN.

        Raises DatabaseError, PrerequisiteError or CalledOffError, and then has left nothing behind.
        """
        with self._turn, _os_errors(self._state):
            make_cluster_folder(self._state)
            with self._gate(self._interrupt):
                cluster = self._open()
                users = FileLock(self._folder / "users.lock")
                try:
                    self._join(cluster, users)
                except BaseException:
                    _part(cluster, users)
                    raise
            self._cluster, self._users = cluster, users
            return cluster.dsn

    def open_process(self) -> int | None:
        """A descriptor that is readable once the server has ended, for the caller to close; or None."""
        with self._turn:
            return None if self._cluster is None else self._cluster.open_process()

    def revive(self) -> None:
        """Starts a server that has died again, unless another of its users has done so already.

        PostgreSQL recovers what was committed. Raises DataLostError if there is nothing to recover,
        DatabaseError, PrerequisiteError or CalledOffError; nothing runs then.
        """
        with self._turn, _os_errors(self._state):
            cluster = self._cluster
            if self._users is None or cluster is None:
                raise CalledOffError
            with self._gate(self._interrupt):
                if cluster.is_running():
                    cluster.let_go()
                    return
                cluster.stop()  # what is left of it
                if not cluster.is_made():
                    raise DataLostError(
                        f"the data folder of the embedded PostgreSQL server in {self._folder} was removed",
                        "results of past runs are in their run folders; run it again",
                    )
                cluster.start(self._interrupt)

    def last_words(self) -> list[str]:
        """The end of the log of the server that runs, or of the last one that did."""
        return tail(self._folder / "server.log")

    def interrupt(self) -> None:
        """Makes a running `enter` or `revive` give up soon."""
        self._interrupt.set()

    def leave(self) -> None:
        """Stops the server if nobody else uses it. Leaving twice does nothing.

        Raises DatabaseError if the server cannot be stopped.
        """
        with self._turn, _os_errors(self._state):
            users, self._users = self._users, None
            if users is None or self._cluster is None:
                return
            try:
                with self._gate(None):
                    _part(self._cluster, users)
            finally:
                users.close()
                self._cluster = None

    def stop_if_unused(self) -> bool:
        """See `stop_unused_server`."""
        if not self._folder.is_dir():
            return False
        with _os_errors(self._state), self._gate(None):
            cluster = self._open()
            users = FileLock(self._folder / "users.lock")
            running = cluster.is_running()
            alone = users.try_exclusive()
            _part(cluster, users)
            return running and alone

    def close(self) -> None:
        """Gives back the descriptors; `interrupt`, `enter` and `revive` may not follow."""
        self._interrupt.close()

    @property
    def _folder(self) -> Path:
        return self._state / "postgres"

    def _open(self) -> Cluster:
        programs = self._programs or Programs.of_the_wheel()
        return Cluster(self._folder, programs.reachable_from(self._state))

    def _join(self, cluster: Cluster, users: FileLock) -> None:
        alone = users.try_exclusive()
        if not users.try_shared():
            raise DatabaseError(f"{self._folder}/users.lock is held by something that is not Nextmini")
        if alone or not cluster.is_running():
            cluster.stop()  # what a killed run left, or what is left of a killed server
            cluster.make()
            cluster.start(self._interrupt)

    @contextmanager
    def _gate(self, interrupt: Interrupt | None) -> Iterator[None]:
        """Waits until nobody else is going in or out."""
        gate = FileLock(self._folder / "gate.lock")
        try:
            if not gate.try_exclusive():
                self._wait_for(gate, interrupt)
            yield
        finally:
            gate.close()

    def _wait_for(self, gate: FileLock, interrupt: Interrupt | None) -> None:
        # A blocking flock() cannot be called off, a process can. It locks our own open file and leaves.
        command = [sys.executable, "-I", "-S", "-c", _TAKE_LOCK, str(gate.fileno())]
        outcome = run(
            command, self._folder, seconds=_GATE_SECONDS, interrupt=interrupt, descriptors=[gate.fileno()]
        )
        if outcome.returncode != 0:
            raise DatabaseError(f"cannot lock {self._folder}/gate.lock: {outcome.output}")


def stop_unused_server(state: Path) -> bool:
    """Stops a server that was left by killed runs; False if a living one uses it, or there is no server.

    Raises DatabaseError or PrerequisiteError if it cannot be stopped.
    """
    server = SharedServer(state)
    try:
        return server.stop_if_unused()
    finally:
        server.close()


def _part(cluster: Cluster, users: FileLock) -> None:
    try:
        if users.try_exclusive():
            cluster.stop()
        else:
            cluster.let_go()
    finally:
        users.close()


@contextmanager
def _os_errors(state: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise DatabaseError(
            f"the state folder {state} cannot hold a PostgreSQL server: {what}",
            "make it writable, free some of its disk, or choose another with --state-dir or NEXTMINI_STATE",
        ) from error
