"""What the processes of a benchmark take of the machine (proc(5))."""

from __future__ import annotations

import os
from pathlib import Path

from nextmini.hosts.local import PROGRAM

_PROC = Path("/proc")
_OF_KERNEL = ("SUnreclaim", "Percpu", "VmallocUsed", "KernelStack", "PageTables")
_TICKS = os.sysconf("SC_CLK_TCK")


def descendants(process: int | None = None) -> list[int]:
    """Numbers of all processes that this one (or another one), or one that it has started, has started."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found, new = [], [os.getpid() if process is None else process]
    while new:
        new = [child for parent in new for child in children.get(parent, ())]
        found += new
    return found


def dataplanes() -> list[int]:
    """Those of them that are dataplane processes."""
    return [process for process in descendants() if is_dataplane(_command(process))]


def is_dataplane(command: bytes) -> bool:
    """Whether a command line, as /proc has it, is that of a dataplane process."""
    return PROGRAM[-1].encode() in command.split(b"\0")


def cpu_seconds(process: int) -> float:
    """CPU time that the process has had, with all of its threads. Raises OSError if it has ended."""
    return cpu_of((_PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace"))


def cpu_of(stat: str) -> float:
    """The same, of what /proc/PID/stat has."""
    # The name in brackets may have anything in it; times in user and kernel mode are fields 14 and 15.
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def pss_kib(process: int) -> int:
    """The process's share of memory: what it shares with others is divided by them. Raises OSError."""
    return field_of((_PROC / str(process) / "smaps_rollup").read_text(encoding="ascii"), "Pss")


def kernel_kib() -> int:
    """Memory that the kernel has for itself and cannot give back at once: what a namespace takes is in there.

    All that the machine has left would say less: everybody's programs take of it.
    """
    text = (_PROC / "meminfo").read_text(encoding="ascii")
    return sum(field_of(text, name) for name in _OF_KERNEL)


def namespaces_of_kernel() -> int | None:
    """Network namespaces that the kernel has, those too that it still takes apart; None if it does not tell.

    It is not exact: some that are gone count for as long as the kernel keeps their memory in store.
    """
    try:
        text = (_PROC / "slabinfo").read_text(encoding="ascii")
    except OSError:
        return None
    counts = (line.split()[1] for line in text.splitlines() if line.startswith("net_namespace "))
    return int(next(counts, 0))


def field_of(text: str, name: str) -> int:
    """A number of a file of lines such as `Pss: 12 kB`. Raises LookupError if it has none of that name."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0])
    raise LookupError(name)


def _parent(entry: Path) -> int | None:
    try:
        stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended
        return None
    return int(stat.rpartition(")")[2].split()[1])


def _command(process: int) -> bytes:
    try:
        return (_PROC / str(process) / "cmdline").read_bytes()
    except OSError:  # it has ended
        return b""
