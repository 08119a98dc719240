"""The thread that hooks run in, so that who waits for them can see that one does not return."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_GRACE_SECONDS = 2.0
"""Beyond the timeout, for who holds the interpreter's lock: nothing of Python can look at the clock then."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook that is to be called."""

    name: str
    call: Callable[[], None]


class HookFailedError(Exception):
    """A hook raised something, which is the cause, or does not return; the text is one line."""

    def __init__(self, reason: str, story: str) -> None:
        """`story` is for the log: the traceback, or where the hook stands."""
        super().__init__(reason)
        self.story = story


class HookThread:
    """Runs hooks one after the other; `timeout` is how long one may take, in s."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(1, "hooks")
        self._thread = 0
        self._current: tuple[str, float] = ("", 0.0)

    async def call(self, hooks: Sequence[Hook]) -> None:
        """Returns when all have returned. Raises HookFailedError; the others are not called then.

        After one that does not return, the thread is stuck: the process has to end.
        """
        self._current = (hooks[0].name, time.monotonic()) if hooks else ("", 0.0)
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._run, hooks)
        while not future.done():
            left = self._current[1] + self._timeout - time.monotonic()
            if left <= 0:
                raise self._stuck()
            await asyncio.wait((future,), timeout=left)
        await future

    def _run(self, hooks: Sequence[Hook]) -> None:
        self._thread = threading.get_ident()
        for hook in hooks:
            self._current = (hook.name, time.monotonic())
            faulthandler.dump_traceback_later(self._timeout + _GRACE_SECONDS, exit=True)
            try:
                hook.call()
            except BaseException as error:  # one that wants to exit has failed as well
                raise HookFailedError(_reason(hook.name, error), traceback.format_exc()) from error
            finally:
                faulthandler.cancel_dump_traceback_later()

    def _stuck(self) -> HookFailedError:
        faulthandler.cancel_dump_traceback_later()
        name = self._current[0]
        frame = sys._current_frames().get(self._thread)
        stack = _above(traceback.extract_stack(frame), name) if frame is not None else []
        where = f"; it is {_place(stack[-1])}" if stack else ""
        story = "".join(traceback.format_list(stack))
        reason = f"{name} did not return within {self._timeout:g} s{where}"
        return HookFailedError(reason, f"{reason}\n{story}")


def _reason(name: str, error: BaseException) -> str:
    last = traceback.format_exception_only(error)[-1].strip()
    stack = traceback.extract_tb(error.__traceback__)
    where = f" ({_place(stack[-1])})" if stack else ""
    return f"{name}: {' '.join(last.split())}{where}"


def _place(frame: traceback.FrameSummary) -> str:
    return f"in {frame.name}, {os.path.basename(frame.filename)}:{frame.lineno}"


def _above(stack: Sequence[traceback.FrameSummary], name: str) -> list[traceback.FrameSummary]:
    """The frames from the hook on."""
    first = next((place for place, frame in enumerate(stack) if frame.name == name), 0)
    return list(stack[first:])
