"""Secrets of an experiment that somebody else has made, for all who need them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nextmini.errors import PrerequisiteError

if TYPE_CHECKING:
    from pathlib import Path

_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,128}")
_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class GivenSecrets:
    """A token and a key that others have already."""

    token: str = field(repr=False)
    key: str = field(repr=False)


def given_secrets(token_file: Path | None, key_file: Path | None) -> GivenSecrets | None:
    """Those in the files that options name; None for none. Raises PrerequisiteError."""
    if token_file is None and key_file is None:
        return None
    if token_file is None or key_file is None:
        there, missing = ("--token-file", "--key-file")[:: 1 if key_file is None else -1]
        raise PrerequisiteError(
            f"{there} is given without {missing}", "give both, or none to have new ones made"
        )
    token, key = _given("--token-file", token_file), _given("--key-file", key_file)
    if _TOKEN.fullmatch(token) is None:
        raise PrerequisiteError(
            f"--token-file: {token_file} is no token", "write 32 to 128 letters, digits, - and _, at random"
        )
    if _KEY.fullmatch(key) is None:
        raise PrerequisiteError(
            f"--key-file: {key_file} is no key",
            "write 64 hexadecimal digits, at random (openssl rand -hex 32)",
        )
    return GivenSecrets(token, key)


def _given(option: str, file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PrerequisiteError(f"{option}: {file} cannot be read: {error}", "name another file") from error
