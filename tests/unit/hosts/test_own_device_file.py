"""The device file of TUN devices, where nobody has given it to a container."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from nextmini.errors import PrerequisiteError
from nextmini.hosts.own_device import provide_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, int, int]]:
    """What the kernel is asked for: not everybody who tests may make device files."""
    found: list[tuple[Path, int, int]] = []
    monkeypatch.setattr(os, "mknod", lambda path, mode, device: found.append((path, mode, device)))
    return found


def test_it_is_made_where_it_is_missing(tmp_path: Path, asked: list[tuple[Path, int, int]]) -> None:
    path = tmp_path / "net" / "tun"
    provide_file(path)
    ((made, mode, device),) = asked
    assert made == path
    assert path.parent.is_dir()
    assert stat.S_ISCHR(mode)
    assert (os.major(device), os.minor(device)) == (10, 200)


def test_what_is_there_is_left_alone(tmp_path: Path, asked: list[tuple[Path, int, int]]) -> None:
    path = tmp_path / "tun"
    path.touch()
    provide_file(path)
    assert asked == []


def test_a_runtime_that_refuses_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "mknod", refuse)
    with pytest.raises(PrerequisiteError, match="cannot be made: Operation not permitted; run it as root"):
        provide_file(tmp_path / "net" / "tun")
