"""A program in a child of this process, which is started again when it dies.

A child is a fork of a process that has imported next to nothing and has no threads: it takes no time to
start, and each begins where the first one did. It is in a session of its own, so that Ctrl-C in a terminal
reaches the parent alone, which passes it on. When the parent is killed, the child is too.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.deaths import WORDS
from nextmini.errors import NextminiError, RunError
from nextmini.hosts.exits import describe_exit
from nextmini.hosts.restarts import Restarts

if TYPE_CHECKING:
    from collections.abc import Callable

DEFECT = 70
"""The exit code of a child that ended with an error that nobody raised on purpose: EX_SOFTWARE."""
INTERRUPTED = 128 + signal.SIGINT
_REQUESTS = frozenset({signal.SIGINT, signal.SIGTERM})
_WATCHED = _REQUESTS | {signal.SIGCHLD}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended: its exit code, or the negative number of a signal."""

    code: int
    asked: bool
    """Whether it had been asked to end."""

    @property
    def died(self) -> bool:
        """Whether it was killed, or has a defect; otherwise it has ended as it is to."""
        return self.code < 0 or self.code == DEFECT


def supervise(name: str, work: Callable[[], int], tell: Callable[[str], None]) -> int:
    """Does `work` in a child, again when that dies, and returns its exit code: to the parent and the child.

    `name` says in messages what it is. `tell` prints one. Raises RunError in the parent when the child has
    died too often; in the child, whatever NextminiError `work` raises.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    try:
        lifeline = os.pipe()
        restarts = Restarts()
        while True:
            sys.stdout.flush()
            sys.stderr.flush()
            child = os.fork()
            if child == 0:
                os.close(lifeline[1])
                return _be_child(work, lifeline[0], before)
            ending = _watch(child)
            story = f"the {name} (process {child}) {_described(ending.code)}"
            if not ending.died:
                return ending.code
            if ending.asked:
                tell(f"{story} after it was asked to end")
                return INTERRUPTED if -ending.code in _REQUESTS else RunError.exit_code
            pause = restarts.pause(0, time.monotonic())
            if pause is None:
                raise RunError(
                    f"{story}: it has died {WORDS}",
                    "find out what ends it: another program, or the kernel when memory is short",
                )
            tell(f"{story}; it is started again")
            if _interrupted_within(pause):
                tell(f"interrupted while there was no {name}")
                return INTERRUPTED
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _be_child(work: Callable[[], int], lifeline: int, mask: set[int | signal.Signals]) -> int:
    os.setsid()
    threading.Thread(target=_die_with_parent, args=(lifeline,), name="parent", daemon=True).start()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    try:
        return work()
    except NextminiError:
        raise
    except Exception:
        traceback.print_exc()
        raise SystemExit(DEFECT) from None


def _die_with_parent(lifeline: int) -> None:
    """Whoever kills the parent means the whole of it."""
    os.read(lifeline, 1)  # nobody writes: it ends with the other end
    os.kill(os.getpid(), signal.SIGKILL)


def _watch(child: int) -> Ending:
    """Passes requests on until the child has ended."""
    asked = False
    while True:
        number = signal.sigwait(_WATCHED)
        if number == signal.SIGCHLD:
            found, status = os.waitpid(child, os.WNOHANG)
            if found == child:
                return Ending(os.waitstatus_to_exitcode(status), asked)
        else:
            asked = True
            os.kill(child, number)  # not waited for yet, so the number is its own


def _interrupted_within(seconds: float) -> bool:
    return signal.sigtimedwait(_REQUESTS, seconds) is not None


def _described(code: int) -> str:
    if code == DEFECT:
        return "ended with a defect in nextmini (please report it with all of the above)"
    return describe_exit(code)
