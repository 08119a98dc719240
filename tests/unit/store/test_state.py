from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nextmini.errors import ControllerError, PrerequisiteError
from nextmini.store.state import StateFolder, make_private_folder

HOLD_FOR_EVER = """
import sys
from pathlib import Path
from nextmini.store.state import StateFolder
with StateFolder(Path(sys.argv[1])).hold(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


class TestLocation:
    def test_chosen_beats_the_variable(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("NEXTMINI_STATE", "/elsewhere")
        assert StateFolder.locate(tmp_path).path == tmp_path

    def test_variable_beats_the_default(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("NEXTMINI_STATE", str(tmp_path))
        assert StateFolder.locate().path == tmp_path

    def test_root_has_a_folder_of_the_system(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NEXTMINI_STATE", raising=False)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        assert StateFolder.locate().path == Path("/var/lib/nextmini")

    @pytest.mark.parametrize(
        ("xdg", "expected"),
        [("{tmp}/xdg", "{tmp}/xdg/nextmini"), ("relative", "{tmp}/.local/state/nextmini"), (None, None)],
    )
    def test_others_have_one_of_their_own(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, xdg: str | None, expected: str | None
    ) -> None:
        monkeypatch.delenv("NEXTMINI_STATE", raising=False)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setenv("HOME", str(tmp_path))
        if xdg is None:
            monkeypatch.delenv("XDG_STATE_HOME", raising=False)
        else:
            monkeypatch.setenv("XDG_STATE_HOME", xdg.format(tmp=tmp_path))
        wanted = (expected or "{tmp}/.local/state/nextmini").format(tmp=tmp_path)
        assert StateFolder.locate().path == Path(wanted)

    def test_relative_and_linked_paths_become_one(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "real")
        monkeypatch.chdir(tmp_path)
        assert StateFolder.locate(Path("link")).path == tmp_path / "real"


class TestHolding:
    def test_secrets_are_for_their_owner_alone(self, state: StateFolder) -> None:
        with state.hold("lab") as secrets:
            assert mode(state.path) == mode(state.experiments) == mode(secrets.token_file.parent) == 0o700
            assert mode(secrets.token_file) == mode(secrets.key_file) == 0o600
            assert secrets.token_file.read_text() == secrets.token
            assert secrets.key_file.read_text() == secrets.key

    def test_secrets_are_long_and_never_the_same(self, state: StateFolder) -> None:
        with state.hold("lab") as one, state.hold("other") as two:
            assert len(bytes.fromhex(one.key)) == 32
            assert len(one.token) >= 43
            assert len({one.key, two.key, one.token, two.token}) == 4

    def test_nothing_is_left_after_it(self, state: StateFolder) -> None:
        with state.hold("lab"):
            pass
        assert list(state.experiments.iterdir()) == []

    def test_nothing_is_left_after_an_error(self, state: StateFolder) -> None:
        with pytest.raises(ZeroDivisionError), state.hold("lab"):
            raise ZeroDivisionError
        assert list(state.experiments.iterdir()) == []

    def test_second_holder_is_refused_and_harms_nothing(self, state: StateFolder) -> None:
        with state.hold("lab") as secrets:
            with pytest.raises(ControllerError, match=rf"'lab' is already running.*process {os.getpid()}"):
                with state.hold("lab"):
                    pytest.fail("held twice")
            assert secrets.token_file.read_text() == secrets.token
        with state.hold("lab"):
            pass

    @pytest.mark.parametrize("name", ["a/b", "..", ".", ".hidden", "a b", "ünï", "%2E", "x" * 60])
    def test_any_name_stays_inside_the_folder(self, state: StateFolder, name: str) -> None:
        with state.hold(name) as secrets:
            assert secrets.token_file.resolve().parent.parent == state.experiments
            with state.hold("..%2E"):
                assert len(list(state.experiments.iterdir())) == 4

    def test_unwritable_folder_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        state = StateFolder(tmp_path / "file" / "state")
        with pytest.raises(PrerequisiteError, match=r"file/state cannot be written.*--state-dir"):
            with state.hold("lab"):
                pytest.fail("held")

    def test_somebody_elses_folder_is_named(
        self, state: StateFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: Path) -> bool:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        monkeypatch.setattr(Path, "is_dir", refuse)
        for look in (state.running, state.remove_abandoned):
            with pytest.raises(
                PrerequisiteError, match="cannot be written: Permission denied; run as its owner"
            ):
                look()

    def test_killed_holder_does_not_count(self, state: StateFolder) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", HOLD_FOR_EVER, str(state.path), "lab"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            left = (state.experiments / "lab/token").read_text()
            assert state.remove_abandoned() == []
            with pytest.raises(ControllerError, match=f"process {holder.pid}"), state.hold("lab"):
                pytest.fail("held twice")
            holder.send_signal(signal.SIGKILL)
            holder.wait()
        with state.hold("lab") as secrets:
            assert secrets.token != left
            assert state.remove_abandoned() == []

    def test_kept_secrets_are_those_of_a_killed_holder(self, state: StateFolder) -> None:
        kill_a_holder(state, "lab")
        with state.hold("lab", secrets="kept") as one:
            assert one.token == one.token_file.read_text()
        assert list(state.experiments.iterdir()) == []
        with state.hold("lab", secrets="kept") as fresh:
            assert fresh.token != one.token

    def test_who_fails_with_kept_secrets_leaves_them_to_the_next(self, state: StateFolder) -> None:
        kill_a_holder(state, "lab")
        tokens = []
        for _ in range(2):
            with pytest.raises(RuntimeError), state.hold("lab", secrets="kept") as held:
                tokens.append(held.token)
                raise RuntimeError
        with state.hold("lab", secrets="kept") as held:
            assert {*tokens} == {held.token}

    def test_leavings_of_a_killed_holder_can_be_removed(self, state: StateFolder) -> None:
        make_private_folder(state.experiments / "a%2Fb")
        (state.experiments / "a%2Fb/token").write_text("old")
        (state.experiments / "a%2Fb.lock").write_text("1\n")
        (state.experiments / "a%2Fb.json.part").write_text("{")
        assert state.remove_abandoned() == ["a/b"]
        assert list(state.experiments.iterdir()) == []


def kill_a_holder(state: StateFolder, experiment: str) -> None:
    command = [sys.executable, "-c", HOLD_FOR_EVER, str(state.path), experiment]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.kill()


def test_missing_parents_are_private_too(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a/b")
    assert mode(tmp_path / "a") == mode(tmp_path / "a/b") == 0o700
