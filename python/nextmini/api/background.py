"""A run in a process of its own, which ends with the program that started it, however that ends."""

from __future__ import annotations

import asyncio
import atexit
import json
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nextmini.errors import NextminiError, PrerequisiteError, RunError
from nextmini.experiment import Interrupt
from nextmini.live import starting

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from nextmini.experiment import RunOptions
    from nextmini.live.starting import Started
    from nextmini.scenario import Network


class BackgroundRun:
    """One run: `start` returns when its network is in force, `stop` when nothing of it is left."""

    def __init__(self, network: Network, options: RunOptions) -> None:
        self._network = network
        self._options = options
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    def start(self) -> None:
        """Raises PrerequisiteError if the machine refuses, RunError if it ends before the network is in
        force."""
        try:
            started = asyncio.run(self._start())
        except BaseException:  # Ctrl-C
            self.stop()
            raise
        self._folder = started.folder
        if started.exit_code is not None:
            self._let_go()
            text = "; ".join(started.errors) or "it ended before its network was in force"
            raise _error(started.exit_code, text)
        if self._process is not None:
            self._process.returncode = None  # it is ours to wait for

    def stop(self) -> dict[str, Any] | None:
        """Ends the run if it has not ended; returns its result, None if there is none.

        Raises RunError with what went wrong with it as a whole.
        """
        channel, process = self._channel, self._process
        if channel is None or process is None:
            return None
        channel.setblocking(True)
        with suppress(OSError):  # it has gone already
            channel.shutdown(socket.SHUT_WR)
        with channel.makefile("r", encoding="utf-8") as file:
            last = [said for said in map(json.loads, file) if "ended" in said]
        process.wait()
        self._let_go()
        if last and last[-1]["errors"]:
            raise RunError("; ".join(last[-1]["errors"]))
        if self._folder is None or not (self._folder / "result.json").exists():
            return None
        result: dict[str, Any] = json.loads((self._folder / "result.json").read_text(encoding="utf-8"))
        return result

    @property
    def ended(self) -> bool:
        """Whether it is over: by itself, or because something failed."""
        return self._process is None or self._process.poll() is not None

    async def _start(self) -> Started:
        def hold(channel: socket.socket, process: subprocess.Popen[bytes]) -> None:
            self._channel, self._process = channel, process
            # Of a program that forgets to stop it, nothing is left when that has ended.
            atexit.register(self.stop)

        interrupt = Interrupt()
        return await starting.start(self._network, self._options, interrupt, lambda _: None, hold)

    def _let_go(self) -> None:
        atexit.unregister(self.stop)
        if self._channel is not None:
            self._channel.close()
        self._channel = self._process = None


def _error(exit_code: int, text: str) -> NextminiError:
    """What was refused is the machine's fault, as far as a scenario that is found good can be refused."""
    return PrerequisiteError(text) if exit_code == PrerequisiteError.exit_code else RunError(text)
