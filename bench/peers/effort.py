"""CPU time and memory of a process and of all that it has started (proc(5))."""

from __future__ import annotations

import os
from pathlib import Path

from nextmini.bench.processes import cpu_of, descendants, pss_kib

_TICKS = os.sysconf("SC_CLK_TCK")
_CPU_OF_CHILDREN = (13, 14)
"""Where a process has the CPU time of children that it has waited for, among what follows its name."""


def tree(process: int) -> list[int]:
    """The process and its descendants."""
    return [process, *descendants(process)]


def cpu_seconds(process: int) -> float:
    """CPU time that the tree has had, with those that ended and were waited for there."""
    return sum(map(_with_children, tree(process)))


def memory_kib(process: int) -> int:
    """Memory of the tree: what several processes share counts once, divided among them."""
    return sum(map(_share, tree(process)))


def _with_children(process: int) -> float:
    try:
        text = Path("/proc", str(process), "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended, and its parent has its time
        return 0.0
    fields = text.rpartition(")")[2].split()
    return cpu_of(text) + sum(int(fields[field]) for field in _CPU_OF_CHILDREN) / _TICKS


def _share(process: int) -> int:
    try:
        return pss_kib(process)
    except OSError:  # it has ended, and has no memory any more
        return 0
