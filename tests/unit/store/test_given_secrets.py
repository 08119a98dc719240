"""Secrets that somebody else has made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nextmini.errors import ControllerError, PrerequisiteError
from nextmini.store.given_secrets import GivenSecrets, given_secrets
from nextmini.store.state import StateFolder, metrics_token

if TYPE_CHECKING:
    from pathlib import Path

TOKEN, KEY = "t" * 43, "ab" * 32
GIVEN = GivenSecrets(TOKEN, KEY)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    token, key = tmp_path / "token", tmp_path / "key"
    token.write_text(f"{TOKEN}\n")
    key.write_text(KEY)
    return token, key


def test_they_are_read_from_their_files(files: tuple[Path, Path]) -> None:
    assert given_secrets(*files) == GIVEN
    assert given_secrets(None, None) is None
    assert KEY not in repr(GIVEN)


def test_one_without_the_other_is_refused(files: tuple[Path, Path]) -> None:
    with pytest.raises(PrerequisiteError, match="--token-file is given without --key-file"):
        given_secrets(files[0], None)
    with pytest.raises(PrerequisiteError, match="--key-file is given without --token-file"):
        given_secrets(None, files[1])


@pytest.mark.parametrize(
    ("which", "text", "told"),
    [
        (0, "short", "is no token"),
        (0, "with spaces in between and all of that", "is no token"),
        (1, "AB" * 32, "is no key"),
        (1, "ab" * 31, "is no key"),
        (1, None, "cannot be read"),
    ],
)
def test_what_is_none_is_refused(files: tuple[Path, Path], which: int, text: str | None, told: str) -> None:
    if text is None:
        files[which].unlink()
    else:
        files[which].write_text(text)
    with pytest.raises(PrerequisiteError, match=told):
        given_secrets(*files)


def test_an_experiment_has_those_that_are_given(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    with state.hold("lab", given=GIVEN) as held:
        assert (held.token, held.key) == (TOKEN, KEY)
        assert held.token_file.read_text() == TOKEN
        assert (held.folder / "metrics-token").read_text() == metrics_token(TOKEN)
    assert not held.folder.exists()


def test_a_run_goes_on_with_the_same_only(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    folder = state.folder("lab")
    folder.mkdir(parents=True)  # as a controller that was killed leaves it
    (folder / "token").write_text(TOKEN)
    (folder / "key").write_text(KEY)
    with (
        pytest.raises(ControllerError, match="had another token and key"),
        state.hold("lab", secrets="kept", given=GivenSecrets(TOKEN, "cd" * 32)),
    ):
        raise AssertionError("it was held")
    assert (folder / "token").read_text() == TOKEN
    with state.hold("lab", secrets="kept", given=GIVEN) as held:
        assert held.key == KEY
