"""KEY=VALUE words of a command line, as the keys and values of a scenario."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from nextmini.live.choice import LiveError
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

_EXAMPLE = 'write KEY=VALUE, as in rate="5 Mbit/s"'
AS_USUAL = "none"


def parsed(words: Iterable[str]) -> dict[str, Any]:
    """The keys with their values; None where the value is `none`: the key is as if nobody had said it.

    Raises LiveError for what is no such word.
    """
    found: dict[str, Any] = {}
    for word in words:
        key, equals, text = (part.strip() for part in word.partition("="))
        if not (key and equals):
            raise LiveError(
                f"{shown(word)} is not a setting", f"{_EXAMPLE}, in quotes where there are spaces"
            )
        if key in found:
            raise LiveError(f"{key} is there twice", "keep one of the two")
        found[key] = value(key, text)
    if not found:
        raise LiveError("nothing is said of the link", _EXAMPLE)
    return found


def value(key: str, text: str) -> Any:
    """Text as it stands; only tables, lists and truth values are written as in TOML.

    Raises LiveError for one that is not.
    """
    if text == AS_USUAL:
        return None
    if not text.startswith(("{", "[", '"', "'")) and text not in ("true", "false"):
        return text
    try:
        (found,) = tomllib.loads(f"value = {text}\n").values()
    except ValueError as error:  # no TOML, or more than one value
        raise LiveError(
            f"{key}: {shown(text)} cannot be read: {error}",
            """put it in single quotes, as in 'jitter={ amount = "1 ms" }'""",
        ) from None
    return found
