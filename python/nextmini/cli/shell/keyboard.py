"""The terminal of who types: lent to a node's command while that runs."""

from __future__ import annotations

import os
import select
import termios
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.hosts.node_shell import NodeShell

_INPUT, _LOCAL, _CHARACTERS = 0, 3, 6
_TRANSLATED = termios.IXON | termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP
_COOKED = termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN
_MOST_TYPED = 1024


class Keyboard:
    """The terminal behind this descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @contextmanager
    def lent_to(self, shell: NodeShell) -> Iterator[None]:
        """Passes every key to the shell meanwhile, Ctrl-C too: what they mean is for its own terminal."""
        before = termios.tcgetattr(self._descriptor)
        shell.resize(termios.tcgetwinsize(self._descriptor))
        stop = os.eventfd(0)
        passing = threading.Thread(target=self._pass, args=(shell, stop), name="keyboard")
        try:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, _raw(before))
            passing.start()
            yield
        finally:
            os.eventfd_write(stop, 1)
            passing.join()
            os.close(stop)
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, before)

    def _pass(self, shell: NodeShell, stop: int) -> None:
        poll = select.poll()
        poll.register(stop, select.POLLIN)
        poll.register(self._descriptor, select.POLLIN)
        while stop not in (ready := [descriptor for descriptor, _ in poll.poll()]):
            try:
                typed = os.read(ready[0], _MOST_TYPED)
            except OSError:  # the terminal is gone
                typed = b""
            if not typed:
                return
            shell.write(typed)


def _raw(settings: list[int | list[bytes | int]]) -> list[int | list[bytes | int]]:
    """Settings with which keys come one by one and mean nothing; what is written is shown as ever."""
    raw = list(settings)
    raw[_INPUT] &= ~_TRANSLATED  # type: ignore[operator]
    raw[_LOCAL] &= ~_COOKED  # type: ignore[operator]
    characters = list(settings[_CHARACTERS])  # type: ignore[arg-type]
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    raw[_CHARACTERS] = characters
    return raw
