"""The line index of TOML: it finds what tomllib finds, each at the line where it stands."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextmini.scenario.reading.toml_index import TomlIndex

if TYPE_CHECKING:
    from random import Random

    from nextmini.scenario.findings import Path

_TEXT = """\
# a comment with a = 1 in it
title = "x" # another
[table] # a header
a = 1
b.c = 2
"quoted key" = '''
multi
line'''
list = [
  1,
  # in between
  [2,
   3], { x = 1, y.z = 2 },
]
[table.sub]
text = \"\"\"
[not.a.table]
fake = 1\"\"\"
after = true
[[items]]
name = "first"
[[items]]
name = "second"
[items.inner]
deep = 1
[[items.parts]]
[[items.parts]]
p = 1979-05-27T07:32:00Z
"""


def test_an_example_of_everything() -> None:
    index = TomlIndex(_TEXT)
    assert index.complete
    assert not index.twice
    assert index.lines == {
        ("title",): 2,
        ("table",): 3,
        ("table", "a"): 4,
        ("table", "b"): 5,
        ("table", "b", "c"): 5,
        ("table", "quoted key"): 6,
        ("table", "list"): 9,
        ("table", "list", 0): 10,
        ("table", "list", 1): 12,
        ("table", "list", 1, 0): 12,
        ("table", "list", 1, 1): 13,
        ("table", "list", 2): 13,
        ("table", "list", 2, "x"): 13,
        ("table", "list", 2, "y"): 13,
        ("table", "list", 2, "y", "z"): 13,
        ("table", "sub"): 15,
        ("table", "sub", "text"): 16,
        ("table", "sub", "after"): 19,
        ("items",): 20,
        ("items", 0): 20,
        ("items", 0, "name"): 21,
        ("items", 1): 22,
        ("items", 1, "name"): 23,
        ("items", 1, "inner"): 24,
        ("items", 1, "inner", "deep"): 25,
        ("items", 1, "parts"): 26,
        ("items", 1, "parts", 0): 26,
        ("items", 1, "parts", 1): 27,
        ("items", 1, "parts", 1, "p"): 28,
    }


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        ("a = 1\na = 2\na = 3", [(("a",), 2, 1), (("a",), 3, 1)]),
        ("[t]\nx = 1\n[u]\n[t]", [(("t",), 4, 1)]),
        ("[t]\nx = 1\nx = 2", [(("t", "x"), 3, 2)]),
        ("t = {x = 1,\ny = 2}\n[t]", [(("t",), 3, 1)]),
        ("t = { x = 1, x = 2 }", [(("t", "x"), 1, 1)]),
        ("[[l]]\nx = 1\n[l]", [(("l",), 3, 1)]),
        ("[l]\n[[l]]", [(("l",), 2, 1)]),
        ("[[l]]\nx = 1\nx = 1\n[[l]]\nx = 1", [(("l", 0, "x"), 3, 2)]),
        ('a = 1\n"a" = 2', [(("a",), 2, 1)]),
    ],
)
def test_what_stands_there_twice_is_found(text: str, twice: list[tuple[Path, int, int]]) -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
    assert TomlIndex(text).twice == twice


@pytest.mark.parametrize(
    "text", ["[a", "a", "a =", "= 1", 'a = "x', "a = [1", "a = {x = 1", "a. = 1", '"\\q" = 1']
)
def test_what_is_not_toml_ends_the_index_quietly(text: str) -> None:
    index = TomlIndex(f"first = 1\n{text}\n")
    assert not index.complete
    assert index.lines[("first",)] == 1


def test_windows_line_ends_and_a_missing_last_one() -> None:
    assert TomlIndex("a = 1\r\n\r\n[b]\r\nc = 2").lines == {("a",): 1, ("b",): 3, ("b", "c"): 4}


_KEYS = st.text(
    st.one_of(st.sampled_from("abc-_ .\"'#[]=é"), st.characters(exclude_categories=["Cs", "Cc"])),
    min_size=1,
    max_size=5,
)
_STRINGS = st.text(
    st.one_of(st.sampled_from("a\"'#[]{}=,\\ "), st.characters(exclude_categories=["Cs", "Cc"])), max_size=8
)
_LEAVES = st.one_of(st.integers(-(2**63), 2**63 - 1), st.booleans(), st.just(1.5), _STRINGS)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(_KEYS, inner, max_size=3),
        st.lists(st.dictionaries(_KEYS, inner, max_size=3), min_size=1, max_size=3),
    ),
    max_leaves=12,
)
_DOCUMENTS = st.dictionaries(_KEYS, _VALUES, max_size=4)


class _Writer:
    """Writes data as TOML in one of many ways, and notes where everything comes to stand."""

    def __init__(self, random: Random) -> None:
        self.text = ""
        self.lines: dict[Path, int] = {}
        self._random = random

    def table(self, table: dict[str, Any], path: Path, names: list[str]) -> None:
        """`names` are the keys of the header that leads to `path`."""
        nested = []
        for key, value in table.items():
            is_items = isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
            if (isinstance(value, dict) or is_items) and self._random.random() < 0.6:
                nested.append((key, value))
            else:
                self._blank()
                self._pair(key, value, path)
                self.text += self._random.choice(["\n", " # c = [1\n", "\t\n"])
        self._random.shuffle(nested)
        for key, value in nested:
            self._nested(key, value, path, [*names, key])

    def _nested(self, key: str, value: Any, path: Path, names: list[str]) -> None:
        header = ".".join(map(self._key, names))
        for place, item in enumerate(value) if isinstance(value, list) else [(None, value)]:
            self._blank()
            self._note((*path, key))
            if place is None:
                self.text += f"[ {header}]\n"
                self.table(item, (*path, key), names)
            else:
                self._note((*path, key, place))
                self.text += f"[[{header} ]]\n"
                self.table(item, (*path, key, place), names)

    def _pair(self, key: str, value: Any, path: Path) -> None:
        self._note((*path, key))
        self.text += self._key(key)
        while isinstance(value, dict) and len(value) == 1 and self._random.random() < 0.5:
            path = (*path, key)
            ((key, value),) = value.items()
            self._note((*path, key))
            self.text += self._random.choice([".", " . "]) + self._key(key)
        self.text += self._random.choice(["=", " = "])
        self._value(value, (*path, key))

    def _value(self, value: Any, path: Path) -> None:
        if isinstance(value, dict):
            self.text += "{"
            for number, (key, inner) in enumerate(value.items()):
                self.text += ", " if number else " "
                self._pair(key, inner, path)
            self.text += "}"
        elif isinstance(value, list):
            self.text += "["
            for number, inner in enumerate(value):
                self.text += self._random.choice(["", "\n", " # ]\n  "])
                self._note((*path, number))
                self._value(inner, (*path, number))
                self.text += self._random.choice(["", " ", "\n"]) + ("," if number + 1 < len(value) else "")
            self.text += self._random.choice(["]", "\n]", "\n# ]\n]"]) if value else "]"
        elif isinstance(value, str):
            self.text += self._string(value)
        else:
            self.text += json.dumps(value)

    def _string(self, value: str) -> str:
        quoted = json.dumps(value, ensure_ascii=False)
        kinds = [
            quoted,
            f'"""\n{quoted[1:-1]}"""',
            f'"""\\\n\n  {quoted[1:-1]}"""' if value[:1].strip() else quoted,
        ]
        if "'" not in value:
            kinds += [f"'{value}'", f"'''\n{value}'''"]
        return self._random.choice(kinds)

    def _key(self, key: str) -> str:
        if (
            key.isascii()
            and key.replace("-", "a").replace("_", "a").isalnum()
            and self._random.random() < 0.8
        ):
            return key
        return (
            json.dumps(key, ensure_ascii=False) if "'" in key or self._random.random() < 0.5 else f"'{key}'"
        )

    def _blank(self) -> None:
        self.text += self._random.choice(["", "", "\n", "# [comment]\n", "  \n\n"])

    def _note(self, path: Path) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)


@settings(max_examples=120)
@given(_DOCUMENTS, st.randoms(use_true_random=False))
def test_everything_is_found_where_it_was_written(data: dict[str, Any], random: Random) -> None:
    writer = _Writer(random)
    writer.table(data, (), [])
    assert tomllib.loads(writer.text) == data
    index = TomlIndex(writer.text)
    assert index.complete
    assert not index.twice
    assert index.lines == writer.lines


@settings(max_examples=120)
@given(st.text(st.sampled_from("ab.=[]{},\"'\\# \n1\r\t"), max_size=40))
def test_on_any_text_it_agrees_with_tomllib(text: str) -> None:
    index = TomlIndex(text)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert index.complete
    assert not index.twice
    assert set(index.lines) == set(_paths(data, ()))


def _paths(value: Any, path: Path) -> list[Path]:
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [place for key, item in inner for place in [(*path, key), *_paths(item, (*path, key))]]
