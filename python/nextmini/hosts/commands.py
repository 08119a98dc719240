"""Commands inside nodes: any program, as if it ran on a machine of its own.

A command has the network of its node, a /sys that shows that, and the experiment's names as /etc/hosts; all
else is the machine's. Going inside is for good and for one thread, so each command is started from a thread
that ends there, or takes the place of the process that goes in.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from nextmini.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")

ETC = ("hosts", "gai.conf")
"""Files of /etc that commands see others of."""
NO_PROGRAM = 127
"""Exit code of a command that is not there, as shells have it."""
NOT_EXECUTABLE = 126

_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


class CommandError(RunError):
    """A command cannot be started."""

    def __init__(self, message: str, exit_code: int, remedy: str | None = None) -> None:
        super().__init__(message, remedy)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Place:
    """Where the commands of a node run: the file of its `namespace`, and what they see of the files in
    `etc`."""

    node: str
    namespace: Path
    etc: Path

    def enter(self) -> None:
        """Moves the calling thread there, for good. Raises RunError if that is not possible."""
        from nextmini import _native

        try:
            # What this machine has no such file of, its programs do not look for.
            files = [(self.etc / name, place) for name in ETC if (place := Path("/etc", name)).exists()]
            _native.enter_namespace(self.namespace, files)
        except OSError as error:
            raise self._barred(error) from error

    def enter_network(self) -> None:
        """Moves the calling thread into the node's network and nowhere else, which is what sockets take.

        A mount namespace would get a copy of all mounts, of which there is one for each node. For good.
        Raises RunError if that is not possible.
        """
        from nextmini import _native

        try:
            _native.enter_network(self.namespace)
        except OSError as error:
            raise self._barred(error) from error

    def _barred(self, error: OSError) -> RunError:
        return RunError(f"cannot go inside node {self.node}: {error}", "run as root (sudo)")


def become(place: Place, command: Sequence[str]) -> NoReturn:
    """Goes inside and becomes the command: its input, output, terminal, signals and exit code are its own.

    Raises CommandError if there is no such program, RunError.
    """
    _check(command[0], place)
    place.enter()
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - the user's own command
    except OSError as error:
        raise _unstartable(command[0], place, error) from error


def spawn(
    place: Place,
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    **options: Any,
) -> subprocess.Popen[Any]:
    """Starts a command inside; `options` are those of subprocess.Popen.

    It has a session of its own unless `start_new_session` is false. Raises CommandError if it cannot be
    started, RunError.
    """
    options.setdefault("start_new_session", True)
    _check(command[0], place, env, cwd)

    def start() -> subprocess.Popen[Any]:
        try:
            return subprocess.Popen(list(command), env=env, cwd=cwd, **options)  # noqa: S603
        except OSError as error:
            raise _unstartable(command[0], place, error) from error

    return inside(place, start)


def inside(place: Place, work: Callable[[], T]) -> T:
    """The result of `work`, done by a thread that goes inside for it and ends there.

    Raises what `work` raises, and RunError if it cannot go inside.
    """
    return _by_thread(place.node, place.enter, work)


def in_network(place: Place, work: Callable[[], T]) -> T:
    """As `inside`, for what needs the node's network and no files: see `Place.enter_network`."""
    return _by_thread(place.node, place.enter_network, work)


def _by_thread(node: str, enter: Callable[[], None], work: Callable[[], T]) -> T:
    results: list[T] = []
    errors: list[BaseException] = []

    def do() -> None:
        try:
            enter()
            results.append(work())
        except BaseException as error:  # goes on in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=do, name=f"inside-{node}")
    thread.start()
    thread.join()
    for error in errors:
        raise error
    return results[0]


def is_there(program: str, env: Mapping[str, str] | None = None, cwd: str | Path | None = None) -> bool:
    """Whether a shell in the folder `cwd` would know the program; it may be one that cannot be executed."""
    if os.path.dirname(program):
        return os.path.exists(os.path.join(cwd or "", program))
    return shutil.which(program, path=None if env is None else env.get("PATH")) is not None


def _check(
    program: str,
    place: Place,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
) -> None:
    """Raises CommandError where a shell would say that there is no such command."""
    if not is_there(program, env, cwd):
        raise CommandError(
            f"node {place.node}: there is no program {program!r}",
            NO_PROGRAM,
            "nodes have the programs of this machine; install it here",
        )


def _unstartable(program: str, place: Place, error: OSError) -> CommandError:
    reason = error.strerror or str(error)
    return CommandError(f"node {place.node}: {program!r} cannot be executed: {reason}", NOT_EXECUTABLE)
