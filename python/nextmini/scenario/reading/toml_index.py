"""The lines of a TOML text: where each key, table and list item stands.

`tomllib` gives values without positions, so this walks over the text once more, and looks at nothing but what
it needs for that: keys, brackets, and where values end. On text that `tomllib` accepts it finds exactly the
same paths; on any other it finds what it can (keys that stand there twice, among others) and then stops.
Grammar: https://toml.io/en/v1.0.0.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextmini.scenario.findings import Path

_BLANK = re.compile(r"[ \t]*")
_BLANK_LINES = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.S,
)
_SCALAR = re.compile(r"[^,\]}#\s](?:[^,\]}#\n\r]*[^,\]}#\s])?")


class ScanError(Exception):
    """The text is not TOML, from `line` on."""

    def __init__(self, line: int) -> None:
        super().__init__(f"not TOML from line {line} on")
        self.line = line


class TomlIndex:
    """`lines` has a line for every path; `twice` the paths given again, with that line and the first one.

    `complete` is False if the text is not TOML.
    """

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self.twice: list[tuple[Path, int, int]] = []
        self.complete = True
        self._text = text
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._defined: dict[Path, int] = {}
        self._items: dict[Path, int] = {}
        try:
            self._document()
        except (ScanError, RecursionError):
            self.complete = False

    def _line(self) -> int:
        return bisect_right(self._ends, self._at - 1) + 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()

    def _peek(self, token: str) -> bool:
        return self._text.startswith(token, self._at)

    def _take(self, token: str) -> None:
        if not self._peek(token):
            raise ScanError(self._line())
        self._at += len(token)

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ScanError(self._line())
        self._at = match.end()
        return match[0]

    def _document(self) -> None:
        table: Path = ()
        self._skip(_BLANK_LINES)
        while self._at < len(self._text):
            if self._peek("[["):
                table = self._item_header()
            elif self._peek("["):
                table = self._table_header()
            else:
                self._pair(table)
            self._end_of_statement()
            self._skip(_BLANK_LINES)

    def _end_of_statement(self) -> None:
        self._skip(_BLANK)
        if (
            self._at < len(self._text)
            and not self._peek("\n")
            and not self._peek("\r\n")
            and not self._peek("#")
        ):
            raise ScanError(self._line())

    def _item_header(self) -> Path:
        line = self._line()
        self._take("[[")
        keys = self._key()
        self._take("]]")
        parent = self._resolve(keys[:-1], line)
        path = (*parent, keys[-1])
        if path in self._defined:
            self._again(path, line)
        self.lines.setdefault(path, line)
        number = self._items.get(path, 0)
        self._items[path] = number + 1
        self.lines[(*path, number)] = line
        return (*path, number)

    def _table_header(self) -> Path:
        line = self._line()
        self._take("[")
        keys = self._key()
        self._take("]")
        path = (*self._resolve(keys[:-1], line), keys[-1])
        if path in self._items:
            self._again(path, line)
            return (*path, self._items[path] - 1)
        self._define(path, line)
        return path

    def _resolve(self, keys: list[str], line: int) -> Path:
        """The path of a header's leading keys: of a list of tables, its last one is meant."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            self.lines.setdefault(path, line)
            if path in self._items:
                path = (*path, self._items[path] - 1)
        return path

    def _define(self, path: Path, line: int) -> None:
        if path in self._defined or path in self._items:
            self._again(path, line)
            return
        self._defined[path] = line
        self.lines.setdefault(path, line)

    def _again(self, path: Path, line: int) -> None:
        self.twice.append((path, line, self._defined.get(path, self.lines.get(path, line))))

    def _key(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip(_BLANK)
            if self._peek('"') or self._peek("'"):
                keys.append(self._decoded(self._match(_STRING)))
            else:
                keys.append(self._match(_BARE))
            self._skip(_BLANK)
            if not self._peek("."):
                return keys
            self._take(".")

    def _decoded(self, quoted: str) -> str:
        try:
            return str(tomllib.loads(f"key = {quoted}")["key"])
        except tomllib.TOMLDecodeError:
            raise ScanError(self._line()) from None

    def _pair(self, table: Path) -> None:
        line = self._line()
        keys = self._key()
        path = table
        for key in keys[:-1]:
            path = (*path, key)
            self.lines.setdefault(path, line)
        path = (*path, keys[-1])
        self._define(path, line)
        self._take("=")
        self._skip(_BLANK)
        self._value(path)

    def _value(self, path: Path) -> None:
        if self._peek("["):
            self._list(path)
        elif self._peek("{"):
            self._inline_table(path)
        elif self._peek('"') or self._peek("'"):
            self._match(_STRING)
        else:
            self._match(_SCALAR)

    def _list(self, path: Path) -> None:
        self._take("[")
        number = 0
        self._skip(_BLANK_LINES)
        while not self._peek("]"):
            item = (*path, number)
            self.lines.setdefault(item, self._line())
            self._value(item)
            number += 1
            self._skip(_BLANK_LINES)
            if not self._peek("]"):
                self._take(",")
                self._skip(_BLANK_LINES)
        self._take("]")

    def _inline_table(self, path: Path) -> None:
        self._take("{")
        self._skip(_BLANK_LINES)
        while not self._peek("}"):
            self._pair(path)
            self._skip(_BLANK_LINES)
            if not self._peek("}"):
                self._take(",")
                self._skip(_BLANK_LINES)
        self._take("}")
