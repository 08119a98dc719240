"""What `nextmini doctor` looks at."""

from __future__ import annotations

import resource
import subprocess
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from nextmini.errors import PrerequisiteError
from nextmini.hosts import checks
from nextmini.hosts.checks import basics, limits, networking
from nextmini.store.programs import Programs

if TYPE_CHECKING:
    from pathlib import Path


def test_python() -> None:
    assert basics.python_version().status == "ok"
    old = basics.python_version((3, 10, 4))
    assert (old.status, old.found) == ("missing", "3.10.4")
    assert "3.11" in (old.remedy or "")


@pytest.mark.parametrize(
    ("soft", "hard", "status"),
    [
        (1024, 1_048_576, "ok"),
        (1024, resource.RLIM_INFINITY, "ok"),
        (1024, 20_000, "warning"),
        (256, 512, "missing"),
    ],
)
def test_descriptors(soft: int, hard: int, status: str) -> None:
    check = limits.descriptors(limits=(soft, hard))
    assert check.status == status
    assert (check.remedy is None) is (status == "ok")


def test_congestion_control(tmp_path: Path) -> None:
    file = tmp_path / "sys/net/ipv4/tcp_available_congestion_control"
    assert networking.congestion_control(proc=tmp_path).status == "warning"
    file.parent.mkdir(parents=True)
    file.write_text("reno cubic\n")
    assert networking.congestion_control(proc=tmp_path).status == "ok"
    missing = networking.congestion_control("bbr", proc=tmp_path)
    assert missing.status == "missing"
    assert missing.found == "no bbr, only reno, cubic"


def test_tun(tmp_path: Path) -> None:
    assert "there is no" in networking.tun_device(tmp_path / "tun").found
    assert "cannot be opened" in networking.tun_device(tmp_path).found
    (tmp_path / "tun").touch()
    assert networking.tun_device(tmp_path / "tun").status == "ok"


def test_network_namespaces(tmp_path: Path) -> None:
    check = networking.network_namespaces(tmp_path)
    assert (check.status, check.found) == ("warning", "the kernel has none")


def test_nftables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check = networking.nftables()
    assert (check.status, check.found) == ("warning", "there is no program nft")
    assert "install nftables" in (check.remedy or "")
    (tmp_path / "nft").touch(0o755)
    assert networking.nftables().status == "ok"


def test_state_folder(tmp_path: Path) -> None:
    assert basics.state_folder(tmp_path / "not" / "yet").status == "ok"
    (tmp_path / "file").touch()
    assert basics.state_folder(tmp_path / "file").status == "missing"
    assert not (tmp_path / "not").exists()


def test_state_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    check = basics.state_folder(tmp_path)
    assert check.status == "missing"
    assert "--state-dir" in (check.remedy or "")


@pytest.mark.parametrize(("free", "status"), [(10**11, "ok"), (10**9, "warning"), (10**7, "missing")])
def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: str) -> None:
    class Usage:
        def __init__(self, path: Path) -> None:
            self.free = free

    monkeypatch.setattr("shutil.disk_usage", Usage)
    assert basics.disk_space(tmp_path).status == status


def test_native_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basics, "native_version", lambda: ("1.2.3", None))
    assert basics.native_module().found == "1.2.3"
    monkeypatch.setattr(basics, "native_version", lambda: (None, "wrong ELF class"))
    broken = basics.native_module()
    assert (broken.status, broken.found) == ("missing", "wrong ELF class")


def test_native_version_asks_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    from nextmini.hosts import native

    module = ModuleType("nextmini._native")
    module.version = lambda: "7.8.9"  # type: ignore[attr-defined]
    monkeypatch.setattr("importlib.import_module", {"nextmini._native": module}.__getitem__)
    assert native.native_version() == ("7.8.9", None)


def test_postgresql_of_the_wheel() -> None:
    check = basics.postgresql()
    assert check.status == "ok"
    assert int(check.found.split(".")[0]) >= 18


def test_postgresql_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Programs:
        raise PrerequisiteError("not installed", "install it")

    monkeypatch.setattr(Programs, "of_the_wheel", refuse)
    assert basics.postgresql() == checks.Check("PostgreSQL", "missing", "not installed", "install it")


def test_postgresql_that_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "postgres"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho cannot load library\nexit 127\n")
    program.chmod(0o755)
    monkeypatch.setattr(Programs, "of_the_wheel", lambda: Programs(tmp_path))
    check = basics.postgresql()
    assert (check.status, check.found) == ("missing", "its programs do not run: cannot load library")


class TestUserNamespaces:
    def test_an_ordinary_user_needs_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.geteuid", lambda: 1000)
        assert basics.user_namespaces().status == "ok"

    def test_root_needs_the_program(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.geteuid", lambda: 0)
        monkeypatch.setattr("shutil.which", lambda name: None)
        assert basics.user_namespaces().status == "missing"

    def test_root_needs_the_kernels_leave(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = tmp_path / "unshare"
        program.write_text("#!/bin/sh\necho 'unshare: Operation not permitted'\nexit 1\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr("os.geteuid", lambda: 0)
        check = basics.user_namespaces()
        assert (check.status, check.found) == ("missing", "refused (unshare: Operation not permitted)")

    def test_it_finds_what_the_kernel_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        command = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "true"]
        allowed = subprocess.run(command, check=False, capture_output=True).returncode == 0
        monkeypatch.setattr("os.geteuid", lambda: 0)
        assert basics.user_namespaces().status == ("ok" if allowed else "missing")


def test_no_check_is_forgotten(tmp_path: Path) -> None:
    found = checks.all_checks(tmp_path)
    assert len({check.name for check in found}) == len(found) == 23
    assert all(check.remedy is not None for check in found if check.status != "ok")
