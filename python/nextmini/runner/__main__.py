"""The program of an algorithm's process; see `nextmini.runner.assignment` for what goes in and out.

The exit code is 0 if there is nothing to do any more, 1 if the algorithm failed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import traceback
from contextlib import suppress
from functools import partial
from typing import Any

from nextmini.algorithms import finding
from nextmini.errors import NextminiError
from nextmini.runner.assignment import Assignment
from nextmini.runner.hook_thread import HookFailedError
from nextmini.runner.worker import Worker
from nextmini.store.algorithms import AlgorithmStore
from nextmini.store.patience import AWAY_SECONDS, patiently


def main() -> int:
    """Reads the assignment and does it; returns the exit code."""
    # A connection that the pool could not make anew is told of by whoever needs one.
    logging.getLogger("asyncpg.pool").setLevel(logging.CRITICAL)
    channel = os.dup(1)
    # What an algorithm prints is for its log.
    os.dup2(2, 1)
    line = sys.stdin.buffer.readline()
    if not line:
        return 0

    def tell(**said: Any) -> None:
        with suppress(BrokenPipeError):  # who does not listen any more ends us in a moment
            os.write(channel, json.dumps(said).encode() + b"\n")

    try:
        tell(ended=asyncio.run(_work(Assignment.read(line), tell)))
    except HookFailedError as error:
        return _failed(tell, str(error), error.story)
    except NextminiError as error:
        return _failed(tell, str(error), str(error))
    except Exception as error:
        return _failed(tell, f"{type(error).__name__}: {error}", traceback.format_exc())
    return 0


async def _work(assignment: Assignment, tell: Any) -> str:
    found = finding.find(assignment.use)
    algorithm = found(finding.parameters(found, assignment.parameters))
    opened = partial(AlgorithmStore.open, assignment.dsn, assignment.experiment)
    async with await patiently(opened, AWAY_SECONDS) as store:
        worker = Worker(store, assignment, algorithm, tell)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop)
        lifeline = asyncio.create_task(_until_left(worker))
        try:
            return await worker.run()
        finally:
            lifeline.cancel()


async def _until_left(worker: Worker) -> None:
    """Stops when whoever started us is gone."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    worker.stop()


def _failed(tell: Any, reason: str, story: str) -> int:
    sys.stderr.write(f"{story.rstrip()}\n")
    tell(failed=reason)
    return 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A hook that does not return would keep the interpreter from ending.
    os._exit(code)
