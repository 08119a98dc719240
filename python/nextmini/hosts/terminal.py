"""The terminal of a node's shell: a pseudo-terminal whose other end is ours."""

from __future__ import annotations

import os
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Echo = Literal["echo", "silent"]
"""Whether a terminal shows what is typed into it."""
Size = tuple[int, int]
"""Lines and columns."""

_INPUT, _OUTPUT, _LOCAL = 0, 1, 3
_USUAL_INPUT = termios.ICRNL
_USUAL_LOCAL = (
    termios.ISIG | termios.ICANON | termios.IEXTEN | termios.ECHOE | termios.ECHOK | termios.ECHOCTL
)

INTERRUPT = b"\x03"
"""What Ctrl-C types."""


class Terminal:
    """A pseudo-terminal; `path` is the end that programs have, `fileno` the one that is ours.

    What programs write passes unchanged: a line ends as they end it.
    """

    def __init__(self) -> None:
        """Raises OSError if there can be no more of them."""
        self._ours, theirs = os.openpty()
        self.path = os.ttyname(theirs)
        self._theirs = theirs
        os.set_blocking(self._ours, False)
        _settle(theirs, "silent")

    def fileno(self) -> int:
        return self._ours

    @contextmanager
    def for_program(self) -> Iterator[int]:
        """The end for a program that is started meanwhile; when that closes it, nothing more can come."""
        try:
            yield self._theirs
        finally:
            os.close(self._theirs)

    def settle(self, echo: Echo) -> None:
        """Makes it as terminals usually are, whatever was done to it. Raises OSError, termios.error."""
        with self._open() as theirs:
            _settle(theirs, echo)

    def forget_input(self) -> None:
        """What has been typed and nobody has read is not to be read. Raises OSError, termios.error."""
        with self._open() as theirs:
            termios.tcflush(theirs, termios.TCIFLUSH)

    def foreground(self) -> int:
        """The group of processes that keys are for. Raises OSError if nobody has the other end."""
        return os.tcgetpgrp(self._ours)

    def makes_signals(self) -> bool:
        """Whether Ctrl-C is a signal here, and no key. Raises termios.error if nobody has the other end."""
        return bool(termios.tcgetattr(self._ours)[_LOCAL] & termios.ISIG)

    def shows_keys(self) -> bool:
        """Whether it echoes. Raises termios.error if nobody has the other end."""
        return bool(termios.tcgetattr(self._ours)[_LOCAL] & termios.ECHO)

    def resize(self, size: Size) -> None:
        """Raises termios.error if nobody has the other end."""
        termios.tcsetwinsize(self._ours, size)

    def close(self) -> None:
        """Hangs up: programs that have it are told by SIGHUP."""
        os.close(self._ours)

    @contextmanager
    def _open(self) -> Iterator[int]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _settle(descriptor: int, echo: Echo) -> None:
    settings = termios.tcgetattr(descriptor)
    settings[_INPUT] = _USUAL_INPUT
    settings[_OUTPUT] &= ~termios.OPOST
    settings[_LOCAL] = _USUAL_LOCAL | (termios.ECHO if echo == "echo" else 0)
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)
