"""A program that holds a share of an embedded server, as a run does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import nextmini

_PROGRAM = """
import asyncio, concurrent.futures.thread, os, sys
from pathlib import Path
from nextmini.store.embedded import embedded_server
from nextmini.store.programs import Programs

state, programs, user = sys.argv[1:]
if user:  # only now: its interpreter may lie in a folder that is closed to other users
    os.setgroups([])
    os.setresgid(int(user), int(user), int(user))
    os.setresuid(int(user), int(user), int(user))

async def main():
    print("starting", flush=True)
    async with embedded_server(Path(state), Programs(Path(programs)) if programs else None) as dsn:
        print(dsn, flush=True)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(0, ended.set)
        await ended.wait()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(130)
"""


class Holder:
    """Started at once; has the server when `dsn` returns, gives it back when its input ends."""

    def __init__(self, state: Path, *, user: str = "", programs: str = "") -> None:
        path = str(Path(nextmini.__file__).parents[1])
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _PROGRAM, str(state), programs, user],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,
        )

        self._started = False

    def starting(self) -> None:
        """Waits until it is about to start the server."""
        line = self._line()
        assert line == "starting", line
        self._started = True

    def dsn(self) -> str:
        """Waits until the server runs."""
        if not self._started:
            self.starting()
        return self._line()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, self.fail()
        return line

    def fail(self) -> str:
        """Waits for the end of a holder that cannot have its server; returns what it says."""
        output, errors = self.process.communicate()
        assert self.process.returncode != 0
        return output + errors

    def leave(self) -> None:
        """Gives the server back in order, and waits for that."""
        output, errors = self.process.communicate()
        ended = (self.process.returncode, output, errors)
        assert ended == (0, "", ""), ended

    def interrupt(self) -> None:
        """Ctrl-C: SIGINT to the whole process group; waits for the end."""
        os.killpg(self.process.pid, signal.SIGINT)
        _, errors = self.process.communicate()
        ended = (self.process.returncode, errors)
        assert ended == (130, ""), ended

    def interrupt_twice(self) -> None:
        """Ctrl-C by somebody who cannot wait; it may end with a traceback."""
        os.killpg(self.process.pid, signal.SIGINT)
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.communicate()

    def kill(self) -> None:
        """SIGKILL; also for what has ended already."""
        self.process.kill()
        self.process.communicate()
