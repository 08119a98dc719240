"""Where and how the server starts, and what is said if it cannot."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from nextmini.errors import DatabaseError, PrerequisiteError
from nextmini.store.cluster import SETTINGS, socket_folder
from nextmini.store.embedded import embedded_server
from nextmini.store.leftovers import processes_in
from nextmini.store.programs import Programs
from nextmini.store.state import make_private_folder

from .conftest import assert_nothing_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .holder import Holder

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do what is tested here")


async def ask(dsn: str, question: str = "SELECT 1") -> object:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def start(state: Path) -> None:
    async with embedded_server(state) as dsn:
        assert await ask(dsn) == 1


def running_programs(folder: Path) -> list[Path]:
    return [Path(f"/proc/{process}/exe").readlink() for process in processes_in(folder)]


@contextmanager
def moved(folder: Path, elsewhere: Path) -> Iterator[None]:
    folder.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(folder)


@pytest.mark.asyncio
async def test_first_start_makes_private_folders(new_state: Path) -> None:
    """Also after an initdb that was killed: what it left never counts as a data folder."""
    half_made = new_state / "postgres/data.newabc"
    make_private_folder(half_made)
    (half_made / "PG_VERSION").write_text("18\n")
    async with embedded_server(new_state) as dsn:
        for folder in ("", "postgres", "postgres/data", "postgres/socket"):
            assert stat.S_IMODE((new_state / folder).stat().st_mode) == 0o700
            assert (new_state / folder).stat().st_uid == os.geteuid()
        assert await ask(dsn) == 1
    assert not half_made.exists()


@pytest.mark.asyncio
async def test_settings_are_those_of_the_program(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT name, setting FROM pg_settings")
    await connection.close()
    settings = {row["name"].lower(): row["setting"] for row in rows}
    assert {name: settings[name] for name in SETTINGS} == SETTINGS
    assert settings["full_page_writes"] == "on"


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["x" * 120, "we ird $HOME `id` \"q' ,=%&ü"])
async def test_any_path_will_do(state: Path, name: str) -> None:
    elsewhere = state.with_name(name)
    with moved(state, elsewhere):
        async with embedded_server(elsewhere) as dsn:
            assert not socket_folder(elsewhere / "postgres").is_relative_to(elsewhere)
            assert await ask(dsn) == 1
        assert_nothing_runs(elsewhere)


@pytest.mark.asyncio
async def test_state_folder_may_be_a_link(state: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(state)
    async with embedded_server(link) as one, embedded_server(state) as two:
        assert one == two


@pytest.mark.asyncio
async def test_log_is_kept_and_the_one_before_it_too(state: Path) -> None:
    await start(state)
    await start(state)
    for name in ("server.log", "server.previous.log"):
        assert "database system is shut down" in (state / "postgres" / name).read_text()


@pytest.mark.asyncio
async def test_spoilt_data_are_reported_with_the_servers_words(state: Path) -> None:
    version = state / "postgres/data/PG_VERSION"
    version.write_text("9\n")
    with pytest.raises(
        DatabaseError, match=r"(?s)did not start:.*initialized by PostgreSQL version 9.*remove"
    ):
        await start(state)
    version.write_text("18\n")
    await start(state)


@pytest.mark.asyncio
async def test_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match=r"file/state cannot hold.*Not a directory.*--state-dir"):
        await start(tmp_path / "file/state")


@pytest.mark.asyncio
@needs_root
async def test_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    os.chown(tmp_path / "postgres", 12345, 12345)
    with pytest.raises(DatabaseError, match="belongs to user 12345"):
        await start(tmp_path)


@pytest.mark.asyncio
@needs_root
async def test_folder_in_a_home_that_is_closed_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(DatabaseError, match="closed to root's programs in a user namespace"):
        await start(tmp_path / "state")


@pytest.mark.asyncio
@needs_root
async def test_programs_in_a_home_that_is_closed_are_copied(new_state: Path, tmp_path: Path) -> None:
    wheel = Programs.of_the_wheel().folder
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    for folder in (wheel.parent, wheel.parent.with_name(f"{wheel.parent.name}.libs")):
        (home / folder.name).symlink_to(folder)
    os.chown(home, 12345, 12345)
    programs = Programs(home / wheel.parent.name / wheel.name)
    for _ in range(2):
        async with embedded_server(new_state, programs):
            assert all(program.is_relative_to(new_state) for program in running_programs(new_state))
    assert len(os.listdir(new_state)) == 2


@pytest.mark.asyncio
@needs_root
async def test_refused_user_namespace_is_a_missing_prerequisite(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container without privileges, where the kernel's answer is this."""
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    refusal = r"user namespace.*refused.*Operation not permitted.*--cap-add.*--database-url"
    with pytest.raises(PrerequisiteError, match=refusal):
        await start(state)
    with pytest.raises(PrerequisiteError, match=refusal):
        await start(tmp_path / "another")  # already by initdb


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk on which a server's data do not fit."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=0700", "small", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.asyncio
@needs_root
async def test_full_disk_is_reported(small_disk: Path) -> None:
    with pytest.raises(DatabaseError, match=r"(?s)cannot make its data folder:.*No space left on device"):
        await start(small_disk)
    assert_nothing_runs(small_disk)


@pytest.mark.asyncio
@needs_root
async def test_disk_without_a_byte_is_reported(small_disk: Path) -> None:
    with (small_disk / "ballast").open("wb") as ballast, pytest.raises(OSError, match="No space"):
        while True:
            ballast.write(bytes(2**20))
            ballast.flush()
    with pytest.raises(DatabaseError, match="No space left on device"):
        await start(small_disk)


@needs_root
@pytest.mark.parametrize("user", [65534, 54321], ids=["nobody", "without-a-name"])
def test_other_users_have_a_server_too(
    new_state: Path, tmp_path: Path, hold: Callable[..., Holder], user: int
) -> None:
    temporary = Path(tempfile.gettempdir())
    for folder in (tmp_path, *tmp_path.parents):
        if temporary in folder.parents:
            folder.chmod(0o711)
    new_state.mkdir()
    os.chown(new_state, user, user)
    holder = hold(new_state, user=str(user), programs=str(open_programs(tmp_path)))
    holder.dsn()
    assert (new_state / "postgres/data").stat().st_uid == user
    holder.leave()


def open_programs(folder: Path) -> Path:
    """The programs where every user may read them; a virtual environment may be closed to others."""
    wheel = Programs.of_the_wheel().folder
    for part in (Path(wheel.parent.name, wheel.name), Path(f"{wheel.parent.name}.libs")):
        shutil.copytree(wheel.parents[1] / part, folder / part, symlinks=True, copy_function=link_or_copy)
    return folder / wheel.parent.name / wheel.name


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another disk
        shutil.copy2(source, target)
