"""Limits that large networks meet, compared with what so many nodes take."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from nextmini.hosts.checks.check import PROC, Check, setting
from nextmini.hosts.checks.needs import FILES_OF_A_PROCESS, Needs

if TYPE_CHECKING:
    from pathlib import Path


_MANY_DESCRIPTORS = 65_536
_FEW_DESCRIPTORS = 1_024
_USUAL = Needs()


def descriptors(needs: Needs = _USUAL, limits: tuple[int, int] | None = None) -> Check:
    """A process has a file open for each of its nodes' devices, and for each end of a link over TCP."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE) if limits is None else limits
    if hard == resource.RLIM_INFINITY or hard >= max(_MANY_DESCRIPTORS, needs.files_with_tcp):
        return Check("open files", "ok", f"limit {_limit(soft)}, can be raised to {_limit(hard)}")
    room = max(0, hard - FILES_OF_A_PROCESS)
    remedy = f"`ulimit -Hn {max(1_048_576, needs.files_with_tcp)}` as root, or LimitNOFILE= of a service"
    if hard < max(_FEW_DESCRIPTORS, needs.files):
        found = f"at most {hard}: {room:,} nodes with devices in a process"
        spread = (
            f", or spread the nodes: processes = {-(-needs.nodes // room)} in [experiment]" if room else ""
        )
        return Check("open files", "missing", found, f"raise it: {remedy}{spread}")
    links = (room - needs.nodes) // 2
    found = f"at most {hard}: enough for {needs.nodes:,} devices, and {links:,} links over TCP"
    return Check("open files", "warning", found, f"only matters to links over TCP in a process: {remedy}")


def all_descriptors(needs: Needs = _USUAL, proc: Path = PROC) -> Check:
    """The open files of all processes have a limit too."""
    most = setting("fs.file-max", proc)
    used = _numbers(proc / "sys/fs/file-nr")
    if most is None or not used:
        return Check("open files of all", "ok", "no limit can be seen")
    found = f"{used[0]:,} of {most:,} (fs.file-max)"
    if most - used[0] >= 2 * needs.files_with_tcp:
        return Check("open files of all", "ok", found)
    remedy = f"raise it: `sysctl fs.file-max={used[0] + 4 * needs.files_with_tcp}`"
    return Check("open files of all", "warning", found, remedy)


def processes(needs: Needs = _USUAL, proc: Path = PROC) -> Check:
    """Every program in a node is a process, and so is its shell; threads count as much."""
    limits = {name: setting(name, proc) for name in ("kernel.pid_max", "kernel.threads-max")}
    known = {name: limit for name, limit in limits.items() if limit is not None}
    try:
        running = int((proc / "loadavg").read_text().split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        running = 0
    found = ", ".join([f"{running:,} threads", *(f"{name} {limit:,}" for name, limit in known.items())])
    short = [name for name, limit in known.items() if limit - running < needs.processes]
    if not short:
        return Check("processes", "ok", found)
    wanted = running + 2 * needs.processes
    remedy = f"for programs in {needs.nodes} nodes: `sysctl {' '.join(f'{name}={wanted}' for name in short)}`"
    return Check("processes", "warning", found, remedy)


def namespace_numbers(needs: Needs = _USUAL, proc: Path = PROC) -> Check:
    """Each node with programs has a network namespace, and each command in it mounts of its own."""
    names = ("user.max_net_namespaces", "user.max_mnt_namespaces")
    return _each(needs, "number of namespaces", dict.fromkeys(names, needs.namespaces), proc)


def mounts(needs: Needs = _USUAL, proc: Path = PROC) -> Check:
    """A network namespace is kept by a mount."""
    try:
        there = (proc / "self/mountinfo").read_text().count("\n")
    except OSError:
        there = 0
    return _each(needs, "mounts", {"fs.mount-max": there + needs.nodes + 100}, proc)


def watches(needs: Needs = _USUAL, proc: Path = PROC) -> Check:
    """Some programs are told of changed files by the kernel."""
    names = ("fs.inotify.max_user_instances", "fs.inotify.max_user_watches")
    check = _each(needs, "inotify", dict.fromkeys(names, needs.nodes), proc)
    if check.status == "ok":
        return check
    return Check("inotify", "note", check.found, f"{check.remedy}, if they watch files as `tail -f` does")


def memory(needs: Needs = _USUAL, proc: Path = PROC) -> Check:
    """Nodes share what the machine has left."""
    try:
        lines = (proc / "meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return Check("memory", "warning", "cannot be seen", "make sure that /proc is mounted")
    found = f"{available / 10**9:.1f} GB available"
    if available >= needs.memory:
        return Check("memory", "ok", found)
    wanted = f"{needs.memory / 10**9:.1f} GB"
    return Check("memory", "warning", found, f"{needs.nodes} nodes take {wanted}: end other programs")


def _each(needs: Needs, name: str, wanted: dict[str, int], proc: Path) -> Check:
    """Whether each of these sysctls has room for so many."""
    known = {key: limit for key in wanted if (limit := setting(key, proc)) is not None}
    found = ", ".join(f"{key} {limit:,}" for key, limit in known.items()) or "no limit can be seen"
    short = [f"{key}={2 * wanted[key]}" for key, limit in known.items() if limit < wanted[key]]
    if not short:
        return Check(name, "ok", found)
    return Check(name, "warning", found, f"for programs in {needs.nodes} nodes: `sysctl {' '.join(short)}`")


def _numbers(path: Path) -> list[int]:
    try:
        return [int(word) for word in path.read_text().split()]
    except (OSError, ValueError):
        return []


def _limit(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)
