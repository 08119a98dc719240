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
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nextmini.errors import RunError
from nextmini.hosts.bell import Bell
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
_STILL = ("idle", "over")
_MOST_LOOKS, _LOOK_MILLISECONDS = 20, 5
_CHUNK = 2**16
_START_SECONDS = 30.0

# As the session's leader it gets the terminal by opening it.
_START = 'PS1= PS2= exec bash --norc --noediting -i <>"$0" >&0 2>&0'
_SETTLE = """{function}() {{ local status=$?; [[ ${command} == $1:* ]] || {command}=':(exit {torn})'; \
builtin {began} >{path}; return $status; }}; \
export -n PS1 PS2 PROMPT_COMMAND; readonly PROMPT_COMMAND; unset HISTFILE; set +o history +H
"""
_COMMAND = "NEXTMINI_COMMAND"
_FUNCTION = "__nextmini_begin"
_TORN = 128 + signal.SIGINT
"""Exit code of a command that has been interrupted before it began."""


class NodeShell:
    """The shell of one node, from its start until it ends or `end_shells`; one command at a time.

    All that is done with its terminal is done by one thread, which KeyboardInterrupt cannot hit half way.
    """

    def __init__(self, place: Place) -> None:
        """Starts it. Raises RunError if it cannot go inside, CommandError if there is no bash."""
        self.node = place.node
        self._terminal = Terminal()
        self._orders, self._order = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._order, False)
        self._marks = Marks(secrets.token_hex(8))
        # Used by itself: a Condition that is left while there is a KeyboardInterrupt may keep its lock.
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._news, self._wish = Bell(), Bell()
        self._state: State = "starting"
        self._wanted: tuple[bytes, Echo] | None = None
        self._looks = 0
        self._closing = False
        self._unheard = bytearray()
        self._lost = 0
        self._status = 0
        self._process = self._spawn(place)
        self._held = os.pidfd_open(self._process.pid)
        self._reader = threading.Thread(target=self._serve, name=f"shell-{place.node}", daemon=True)
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
        order = text.encode(errors="surrogateescape") + b"\0"
        if len(order) > _MOST_TEXT or b"\0" in order[:-1]:
            raise RunError(
                f"node {self.node}: a command has at most {_MOST_TEXT} bytes, none of them 0",
                "write it into a file and run that",
            )
        with self._lock:
            if self._state != "idle":
                why = "has ended" if self._state == "over" else "is still busy with another command"
                raise RunError(f"the shell of node {self.node} {why}")
            self._state, self._wanted, self._looks = "sent", (order, echo), 0
        try:
            self._wish.ring()
            return self._follow(heard)
        except KeyboardInterrupt:
            self.interrupt()
            self._follow(heard)
            raise

    def interrupt(self) -> None:
        """Types Ctrl-C, for the command that runs."""
        self._looks = _MOST_LOOKS
        self._wish.ring()

    def write(self, data: bytes) -> None:
        """Types `data`, for the command that runs; what there is no room for is lost, as with a keyboard."""
        if INTERRUPT in data:
            self.interrupt()
        with suppress(OSError):
            os.write(self._terminal.fileno(), data.replace(INTERRUPT, b""))

    def resize(self, size: Size) -> None:
        """Gives the terminal a size."""
        with suppress(termios.error):
            self._terminal.resize(size)

    def hang_up(self) -> None:
        """Tells the shell that nobody is there any more; it tells its jobs."""
        with self._lock:
            self._closing = True
            self._room.notify_all()
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._held, signal.SIGHUP)

    def close(self) -> None:
        """Waits for the end, which `end_shells` brings about, and gives everything back."""
        self._reader.join()
        self._terminal.close()
        self._news.close()
        self._wish.close()
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
            self._news.close()
            self._wish.close()
            os.close(self._orders)
            os.close(self._order)
            raise

    def _until_ready(self) -> None:
        settle = _SETTLE.format(
            function=_FUNCTION,
            command=_COMMAND,
            torn=_TORN,
            began=self._marks.began,
            path=self._terminal.path,
        )
        os.write(self._order, b"\0")
        os.write(self._terminal.fileno(), settle.encode())
        deadline = time.monotonic() + _START_SECONDS
        while self._state not in _STILL and (left := deadline - time.monotonic()) > 0:
            self._news.wait(left)
        if self._state != "idle":
            words = self._unheard.decode(errors="replace").strip()
            end_shells([self])
            raise RunError(f"the shell of node {self.node} does not start: {words or 'no reason given'}")

    def _follow(self, heard: Callable[[bytes], None]) -> int:
        """Waits for the end of a command, and returns its exit code."""
        while True:
            self._news.hush()
            with self._lock:
                data, over = self._take_unheard(), self._state in _STILL
            if data:
                heard(data)
            elif over:
                return self._status
            else:
                self._news.wait()

    def _take_unheard(self) -> bytes:
        lost = f"[{self._lost} bytes of output before this are lost]\n".encode() if self._lost else b""
        data = lost + bytes(self._unheard)
        self._unheard.clear()
        self._lost = 0
        self._room.notify_all()
        return data

    def _serve(self) -> None:
        """Takes in what is written and does what is wished until the shell has ended."""
        poll = select.poll()
        for file in (self._terminal, self._wish, self._held):
            poll.register(file, select.POLLIN)
        ended = False
        while not ended:
            again = _LOOK_MILLISECONDS if self._looks and self._state == "running" else None
            ended = any(descriptor == self._held for descriptor, _ in poll.poll(again))
            self._wish.hush()
            # All that it wrote before it ended can be read now.
            while data := self._read(poll):
                for piece in self._marks.split(data):
                    self._hear(piece)
            self._send()
            self._press()
        code = self._process.wait()
        with self._lock:
            self._unheard += self._marks.rest()
            self._state, self._status = "over", code if code >= 0 else 128 - code
        self._news.ring()

    def _read(self, poll: select.poll) -> bytes:
        try:
            return os.read(self._terminal.fileno(), _CHUNK)
        except BlockingIOError:
            return b""
        except OSError:  # no program has the terminal any more
            with suppress(KeyError):
                poll.unregister(self._terminal)
            return b""

    def _send(self) -> None:
        """Gives the shell the command that is wanted."""
        with self._lock:
            wanted, self._wanted = self._wanted, None
        if wanted is None:
            return
        word = secrets.token_hex(4)
        try:
            self._terminal.settle("silent")
            self._terminal.forget_input()
            # An interrupt that comes late may have torn the order: it is done if its beginning is there.
            self._pass(f"{word}:".encode() + wanted[0])
            start = f'{_FUNCTION} {word}; eval "${{{_COMMAND}#*:}}"\n'
            os.write(self._terminal.fileno(), start.encode())
        except (OSError, termios.error):
            return  # it has ended, as is about to be found
        self._echo = wanted[1]

    def _pass(self, order: bytes) -> None:
        """Writes an order as the shell reads it; the rest does not matter if it ends instead."""
        poll = select.poll()
        poll.register(self._order, select.POLLOUT)
        poll.register(self._held, select.POLLIN)
        while order and self._held not in (descriptor for descriptor, _ in poll.poll()):
            order = order[os.write(self._order, order) :]

    def _press(self) -> None:
        """Does what Ctrl-C does if that is wished and a command runs.

        A shell that is hit while it starts a program may lose sight of that, so it is given a while to have
        one started. It is no key where signals are: a key may come late, when the next command is there.
        """
        if self._state == "sent" or not self._looks:
            return
        self._looks -= 1
        try:
            if self._state != "running":
                self._looks = 0
            elif not self._terminal.makes_signals():
                self._looks = 0
                os.write(self._terminal.fileno(), INTERRUPT)
            elif not self._is_shell(group := self._terminal.foreground()) or self._looks == 0:
                self._looks = 0
                self._signal(group)
        except (OSError, termios.error):
            pass  # what it was for has ended

    def _signal(self, group: int) -> None:
        """What a terminal does with Ctrl-C. Raises OSError, termios.error."""
        self._terminal.forget_input()
        if self._terminal.shows_keys():
            with self._lock:
                self._unheard += b"^C"
        os.killpg(group, signal.SIGINT)
        self._news.ring()

    def _is_shell(self, process: int) -> bool:
        """Whether it is the shell, or has come of it and is no other program yet."""
        try:
            ours, its = (Path(f"/proc/{one}/cmdline").read_bytes() for one in (self.pid, process))
        except OSError:  # one of the two has ended
            return False
        return its in (ours, b"")

    def _hear(self, piece: Piece) -> None:
        with self._lock:
            match piece:
                case Began():
                    self._begin()
                case Ended():
                    self._end(piece.status)
                case _:
                    self._keep(piece)
        self._news.ring()

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
        elif self._state in ("settling", "running"):
            self._state, self._status = "idle", status

    def _keep(self, data: bytes) -> None:
        """Keeps what was written until somebody listens; waits for that only while a command runs."""
        self._room.wait_for(self._has_room)
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
