"""The resident shell of a node: a bash on a terminal of its own, in which commands run one after the other.

What one command leaves behind, the next one finds: the folder, variables, jobs. What is written while no
command runs, by jobs in the background, is kept for the next one.
"""

from __future__ import annotations

import os
import secrets
import select
import signal
import termios
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from nextmini.errors import RunError
from nextmini.hosts.commands import spawn
from nextmini.hosts.inside import end_sessions
from nextmini.hosts.marks import Began, Ended, Marks
from nextmini.hosts.terminal import INTERRUPT, Terminal

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable

    from nextmini.hosts.commands import Place
    from nextmini.hosts.marks import Piece
    from nextmini.hosts.terminal import Echo, Size

State = Literal["starting", "settling", "idle", "sent", "running", "over"]

_MOST_TEXT = 2**20
"""Bytes of a command."""
_MOST_UNHEARD = 2**20
"""Bytes that wait for who listens; a command with more waits, jobs in the background lose the oldest."""
_BUSY = ("sent", "running")
_CHUNK = 2**16
_START_SECONDS = 30.0

# As the session's leader it gets the terminal by opening it.
_START = 'PS1= PS2= exec bash --norc --noediting -i <>"$0" >&0 2>&0'
_SETTLE = """{function}() {{ local status=$?; builtin {began} >{path}; return $status; }}; \
export -n PS1 PS2 PROMPT_COMMAND; readonly PROMPT_COMMAND; unset HISTFILE; set +o history +H
"""
_COMMAND = "NEXTMINI_COMMAND"
_FUNCTION = "__nextmini_begin"


class NodeShell:
    """The shell of one node, from its start until it ends or `end_shells`; one command at a time."""

    def __init__(self, place: Place) -> None:
        """Starts it. Raises RunError if it cannot go inside, CommandError if there is no bash."""
        self.node = place.node
        self._terminal = Terminal()
        self._orders, self._order = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._order, False)
        self._marks = Marks(secrets.token_hex(8))
        self._changed = threading.Condition()
        self._state: State = "starting"
        self._unheard = bytearray()
        self._lost = 0
        self._status = 0
        self._interrupted = False
        self._closing = False
        self._echo: Echo = "silent"
        self._process = self._spawn(place)
        self._held = os.pidfd_open(self._process.pid)
        self._reader = threading.Thread(target=self._read, name=f"shell-{place.node}", daemon=True)
        self._reader.start()
        self._until_ready()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it takes commands; one that has ended, as by `exit`, takes none."""
        return self._state != "over"

    def cmd(self, text: str, heard: Callable[[str], None] | None = None) -> str:
        """What a command writes, which `heard` gets while it runs. Raises as `run`."""
        parts: list[bytes] = []

        def hear(data: bytes) -> None:
            parts.append(data)
            if heard is not None:
                heard(data.decode(errors="replace"))

        self.run(text, hear)
        return b"".join(parts).decode(errors="replace")

    def run(self, text: str, heard: Callable[[bytes], None], echo: Echo = "silent") -> int:
        """Runs a command, gives what it writes to `heard`, and returns its exit code.

        With `echo` the terminal shows what is typed while it runs. KeyboardInterrupt goes on to the command
        and counts here when that has ended; a second one counts at once. Raises RunError for a text that no
        shell can take, and if the shell takes none.
        """
        self._send(text, echo)
        try:
            return self._follow(heard)
        except KeyboardInterrupt:
            self.interrupt()
            self._follow(heard)
            raise

    def _follow(self, heard: Callable[[bytes], None]) -> int:
        while True:
            data, over = self._listen()
            if data:
                heard(data)
            elif over:
                return self._status

    def interrupt(self) -> None:
        """Types Ctrl-C."""
        self.write(INTERRUPT)

    def write(self, data: bytes) -> None:
        """Types `data`, for the command that runs; what there is no room for is lost, as with a keyboard."""
        if INTERRUPT in data:
            self._interrupted = True
        with suppress(OSError):
            os.write(self._terminal.fileno(), data)

    def resize(self, size: Size) -> None:
        """Gives the terminal a size."""
        with suppress(termios.error):
            self._terminal.resize(size)

    def hang_up(self) -> None:
        """Tells the shell that nobody is there any more; it tells its jobs."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._held, signal.SIGHUP)

    def close(self) -> None:
        """Waits for the end, which `end_shells` brings about, and gives everything back."""
        self._reader.join()
        self._terminal.close()
        for descriptor in (self._orders, self._order, self._held):
            os.close(descriptor)

    def _spawn(self, place: Place) -> subprocess.Popen[bytes]:
        # It opens our pipe by its path: commands are not to have any descriptor of ours.
        orders = f"/proc/{os.getpid()}/fd/{self._orders}"
        path = self._terminal.path
        ask = f'builtin {self._marks.ended} >{path}; IFS= builtin read -rd "" {_COMMAND} <{orders}'
        env = os.environ | {"PROMPT_COMMAND": ask}
        command = ["bash", "-c", _START, self._terminal.path]
        try:
            with self._terminal.for_program() as end:
                return spawn(place, command, env=env, stdin=end, stdout=end, stderr=end)
        except BaseException:
            self._terminal.close()
            os.close(self._orders)
            os.close(self._order)
            raise

    def _until_ready(self) -> None:
        settle = _SETTLE.format(function=_FUNCTION, began=self._marks.began, path=self._terminal.path)
        os.write(self._order, b"\0")
        os.write(self._terminal.fileno(), settle.encode())
        with self._changed:
            ready = self._changed.wait_for(lambda: self._state in ("idle", "over"), _START_SECONDS)
        if not ready or self._state == "over":
            words = self._unheard.decode(errors="replace").strip()
            end_shells([self])
            raise RunError(f"the shell of node {self.node} does not start: {words or 'no reason given'}")

    def _send(self, text: str, echo: Echo) -> None:
        order = text.encode(errors="surrogateescape") + b"\0"
        if len(order) > _MOST_TEXT or b"\0" in order[:-1]:
            raise RunError(
                f"node {self.node}: a command has at most {_MOST_TEXT} bytes, none of them 0",
                "write it into a file and run that",
            )
        with self._changed:
            if self._state != "idle":
                why = "has ended" if self._state == "over" else "is still busy with another command"
                raise RunError(f"the shell of node {self.node} {why}")
            self._state, self._interrupted, self._echo = "sent", False, echo
        try:
            self._terminal.settle("silent")
            self._terminal.forget_input()
            self._pass(order)
            os.write(self._terminal.fileno(), f'{_FUNCTION}; eval "${_COMMAND}"\n'.encode())
        except (OSError, termios.error):
            pass  # it has ended, as its reader is about to find

    def _pass(self, order: bytes) -> None:
        """Writes an order as the shell reads it; the rest does not matter if it ends instead."""
        poll = select.poll()
        poll.register(self._order, select.POLLOUT)
        poll.register(self._held, select.POLLIN)
        while order and self._held not in (descriptor for descriptor, _ in poll.poll()):
            order = order[os.write(self._order, order) :]

    def _listen(self) -> tuple[bytes, bool]:
        """What was written since, and whether there is no more to come."""
        with self._changed:
            self._changed.wait_for(lambda: self._unheard or self._state in ("idle", "over"))
            data, self._lost = self._note_of_loss() + bytes(self._unheard), 0
            self._unheard.clear()
            self._changed.notify_all()
            return data, self._state in ("idle", "over")

    def _note_of_loss(self) -> bytes:
        return f"[{self._lost} bytes of output before this are lost]\n".encode() if self._lost else b""

    def _read(self) -> None:
        """Takes in what is written until the shell has ended."""
        poll = select.poll()
        poll.register(self._terminal.fileno(), select.POLLIN)
        poll.register(self._held, select.POLLIN)
        ended = False
        while not ended:
            ended = any(descriptor == self._held for descriptor, _ in poll.poll())
            # All that it wrote before it ended can be read now.
            while data := self._take(poll):
                for piece in self._marks.split(data):
                    self._hear(piece)
        rest = self._marks.rest()
        code = self._process.wait()
        with self._changed:
            self._unheard += rest
            self._state, self._status = "over", code if code >= 0 else 128 - code
            self._changed.notify_all()

    def _take(self, poll: select.poll) -> bytes:
        try:
            return os.read(self._terminal.fileno(), _CHUNK)
        except BlockingIOError:
            return b""
        except OSError:  # no program has the terminal any more
            with suppress(KeyError):
                poll.unregister(self._terminal.fileno())
            return b""

    def _hear(self, piece: Piece) -> None:
        with self._changed:
            match piece:
                case Began():
                    self._begin()
                case Ended():
                    self._end(piece.status)
                case _:
                    self._keep(piece)
            self._changed.notify_all()

    def _begin(self) -> None:
        if self._state != "sent":
            return
        self._state = "running"
        if self._echo == "echo":
            # Only now: the line that starts the command is not to be shown.
            with suppress(OSError, termios.error):
                self._terminal.settle("echo")

    def _end(self, status: int) -> None:
        if self._state == "starting":
            # The first prompt is followed by our own settings.
            self._state = "settling"
        # An interrupt may hit the shell itself, before the command has begun or after it was done.
        elif self._state in ("settling", "running") or (self._state == "sent" and self._interrupted):
            self._state, self._status = "idle", status

    def _keep(self, data: bytes) -> None:
        """Keeps what was written until somebody listens; waits for that only while a command runs."""
        self._changed.wait_for(self._has_room)
        self._unheard += data
        excess = len(self._unheard) - _MOST_UNHEARD
        if excess > 0 and self._state not in _BUSY:
            del self._unheard[:excess]
            self._lost += excess

    def _has_room(self) -> bool:
        return self._state not in _BUSY or self._closing or len(self._unheard) < _MOST_UNHEARD


def end_shells(shells: Iterable[NodeShell]) -> None:
    """Ends shells with all that runs in them, in the background too; what left their sessions goes on.

    Raises PrerequisiteError if a process cannot be killed.
    """
    there = list(shells)
    for shell in there:
        shell.hang_up()
    end_sessions(shell.pid for shell in there)
    for shell in there:
        shell.close()
