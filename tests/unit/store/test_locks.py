from __future__ import annotations

import stat
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from nextmini.store.locks import FileLock, claim_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_exclusive_lock_excludes_everyone(path: Path) -> None:
    with closing(FileLock(path)) as one, closing(FileLock(path)) as two:
        assert one.try_exclusive()
        assert not two.try_exclusive()
        assert not two.try_shared()


def test_shared_locks_exclude_the_exclusive_one(path: Path) -> None:
    with closing(FileLock(path)) as one, closing(FileLock(path)) as two, closing(FileLock(path)) as three:
        assert one.try_shared()
        assert two.try_shared()
        assert not three.try_exclusive()
        one.close()
        assert not three.try_exclusive()
        two.close()
        assert three.try_exclusive()


def test_exclusive_lock_can_become_shared(path: Path) -> None:
    with closing(FileLock(path)) as one, closing(FileLock(path)) as two:
        assert one.try_exclusive()
        assert one.try_shared()
        assert two.try_shared()


def test_file_is_for_its_owner_alone(path: Path) -> None:
    with closing(FileLock(path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lock_is_not_taken_through_a_link(path: Path) -> None:
    path.symlink_to(path.with_name("target"))
    with pytest.raises(OSError, match="symbolic links"):
        FileLock(path)


def test_child_does_not_inherit_the_lock(path: Path) -> None:
    lock = FileLock(path)
    assert lock.try_exclusive()
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, close_fds=False
    ) as child:
        lock.close()
        with closing(FileLock(path)) as other:
            assert other.try_exclusive()
        child.kill()


def test_closing_twice_does_nothing(path: Path) -> None:
    lock = FileLock(path)
    lock.close()
    lock.close()
    with pytest.raises(ValueError, match="closed"):
        lock.fileno()


def test_claimed_file_is_claimed_once(path: Path) -> None:
    first = claim_file(path)
    assert first is not None
    assert claim_file(path) is None
    first.close()
    second = claim_file(path)
    assert second is not None
    second.close()


def test_claim_is_on_the_file_that_is_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its holder removes the file and lets go between our opening and our locking it."""
    plain = FileLock.try_exclusive
    calls = 0

    def removed_under_us(lock: FileLock) -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:
            path.unlink()
        if calls == 2:
            path.unlink()
            path.write_text("another's")
        return plain(lock)

    monkeypatch.setattr(FileLock, "try_exclusive", removed_under_us)
    lock = claim_file(path)
    assert lock is not None
    with closing(lock), closing(FileLock(path)) as other:
        assert calls == 3
        assert not plain(other)
