"""Programs of this package that benchmarks start beside a run: each says a line when it is ready, and ends
with its standard input."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from nextmini.errors import RunError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Sequence


def program(module: str) -> tuple[str, ...]:
    """The command of a module that is a program."""
    return (sys.executable, "-I", "-m", module)


@asynccontextmanager
async def helper(what: str, command: Sequence[str]) -> AsyncIterator[tuple[Process, str]]:
    """Such a program that is ready, and the line that it said; it is gone after the context.

    Raises RunError if it ends before; `what` it is called there.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        line = await process.stdout.readline() if process.stdout else b""
        if not line:
            await until_failed(what, process)
        yield process, line.decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_failed(what: str, process: Process) -> None:
    """Waits for the program's end, and raises RunError with the last that it said."""
    errors = await process.stderr.read() if process.stderr else b""
    await process.wait()
    last = errors.decode("utf-8", "replace").strip().splitlines()[-1:]
    raise RunError(f"{what} failed: {''.join(last) or 'it said nothing'}")


def say(line: str) -> None:
    """From such a program: a line for who started it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def end_with_input() -> None:
    """From such a program: lets it end, whatever its threads do, when its standard input does."""
    threading.Thread(target=_until_input_ends, daemon=True).start()


def _until_input_ends() -> None:
    sys.stdin.buffer.read()
    # Its threads wait for what will not come any more, and hold nothing.
    os._exit(0)
