"""Reads JSON."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import NoReturn

from nextmini.scenario.findings import Path, key_text
from nextmini.scenario.reading.document import (
    Document,
    Flaw,
    UnreadableError,
    nested_too_deeply,
    number_too_long,
    twice,
)

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_OTHER = re.compile(r"[^,\]}\s]+")


def read_json(text: str) -> Document:
    """The data and lines of a JSON text.

    Raises UnreadableError: with all keys that stand there twice, else with the first thing that is not JSON.
    """
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
        walk = _Walk(text)
        walk.value(())
    except json.JSONDecodeError as error:
        message = f"this is not JSON: {error.msg[:1].lower()}{error.msg[1:]} at column {error.colno}"
        raise UnreadableError(Flaw(error.lineno, "syntax", message, _remedy(text, error))) from None
    except RecursionError:
        raise nested_too_deeply() from None
    except ValueError:
        raise number_too_long() from None
    if walk.flaws:
        raise UnreadableError(*walk.flaws)
    return Document(data, lambda: walk.lines)


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableError(Flaw(None, "syntax", f"this is not JSON: {name} is no number", "write a number"))


def _remedy(text: str, error: json.JSONDecodeError) -> str:
    content = text.split("\n")[error.lineno - 1].strip()
    if content.startswith(("//", "#", "/*")):
        return "JSON has no comments: remove it, or use TOML"
    if content.startswith(("]", "}")) or text[: error.pos].rstrip().endswith(","):
        return "remove the comma before it"
    return "look at this line and the one before it"


class _Walk:
    """The lines of all keys and items of a text that is known to be JSON, and keys that stand there twice."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self.flaws: list[Flaw] = []
        self._text = text
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", text)]

    def value(self, path: Path) -> None:
        mark = self._next()
        if mark == "{":
            self._object(path)
        elif mark == "[":
            self._array(path)
        else:
            self._token(_STRING if mark == '"' else _OTHER)

    def _next(self) -> str:
        self._token(_SPACE)
        return self._text[self._at]

    def _token(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None  # noqa: S101 (json.loads has accepted the text)
        self._at = match.end()
        return match[0]

    def _line(self) -> int:
        return bisect_right(self._ends, self._at) + 1

    def _object(self, path: Path) -> None:
        here: dict[str, int] = {}
        self._at += 1
        while self._next() != "}":
            line = self._line()
            name = str(json.loads(self._token(_STRING)))
            if name in here:
                self.flaws.append(twice(key_text((*path, name)), line, here[name]))
            here.setdefault(name, line)
            self.lines.setdefault((*path, name), line)
            self._next()
            self._at += 1  # the colon
            self.value((*path, name))
            if self._next() == ",":
                self._at += 1
        self._at += 1

    def _array(self, path: Path) -> None:
        self._at += 1
        number = 0
        while self._next() != "]":
            self.lines[(*path, number)] = self._line()
            self.value((*path, number))
            number += 1
            if self._next() == ",":
                self._at += 1
        self._at += 1
