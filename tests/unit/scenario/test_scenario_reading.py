"""Scenario files as data: each format with its lines, and what is said of files that cannot be read."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nextmini.scenario.reading import Flaw, UnreadableError, read_file, read_text

_YAML = """\
# comment
experiment:
  name: x
links:
  - ends: [a, b]
    cost: 2
  -
    ends:
      - c
      - d
"""

_JSON = """\
{
  "experiment": {"name": "x"},
\t"links": [
    {"ends": ["a", "b"],
     "cost": 2}, {
      "ends": [
        "c", "d"]
    }
  ], "text": "\\u0041 \\" { [ , :"
}
"""


def _flaws(text: str, format: str) -> list[Flaw]:
    with pytest.raises(UnreadableError) as caught:
        read_text(text, format)
    return list(caught.value.flaws)


def test_yaml_has_lines() -> None:
    document = read_text(_YAML, "yaml")
    assert document.data == {
        "experiment": {"name": "x"},
        "links": [{"ends": ["a", "b"], "cost": 2}, {"ends": ["c", "d"]}],
    }
    assert document.lines() == {
        ("experiment",): 2,
        ("experiment", "name"): 3,
        ("links",): 4,
        ("links", 0): 5,
        ("links", 0, "ends"): 5,
        ("links", 0, "ends", 0): 5,
        ("links", 0, "ends", 1): 5,
        ("links", 0, "cost"): 6,
        ("links", 1): 8,
        ("links", 1, "ends"): 8,
        ("links", 1, "ends", 0): 9,
        ("links", 1, "ends", 1): 10,
    }


def test_json_has_lines() -> None:
    document = read_text(_JSON, "json")
    assert document.data == json.loads(_JSON)
    assert document.lines() == {
        ("experiment",): 2,
        ("experiment", "name"): 2,
        ("links",): 3,
        ("links", 0): 4,
        ("links", 0, "ends"): 4,
        ("links", 0, "ends", 0): 4,
        ("links", 0, "ends", 1): 4,
        ("links", 0, "cost"): 5,
        ("links", 1): 5,
        ("links", 1, "ends"): 6,
        ("links", 1, "ends", 0): 7,
        ("links", 1, "ends", 1): 7,
        ("text",): 9,
    }


_DATA = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        st.one_of(st.integers(), st.booleans(), st.text(max_size=5)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=3,
)


def _paths(value: Any, path: tuple[str | int, ...]) -> set[tuple[str | int, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {place for key, inner in pairs for place in {(*path, key)} | _paths(inner, (*path, key))}


@settings(max_examples=50)
@given(_DATA, st.sampled_from([None, 1, "\t"]))
def test_every_path_of_json_has_a_line(data: dict[str, Any], indent: int | str | None) -> None:
    text = json.dumps(data, indent=indent)
    document = read_text(text, "json")
    assert document.data == data
    assert set(document.lines()) == _paths(data, ())
    for path, line in document.lines().items():
        key = path[-1]
        if indent is not None and isinstance(key, str):
            assert text.split("\n")[line - 1].strip().startswith(json.dumps(key))


@settings(max_examples=50)
@given(_DATA, st.booleans())
def test_every_path_of_yaml_has_a_line(data: dict[str, Any], flow: bool) -> None:
    document = read_text(yaml.safe_dump(data, default_flow_style=flow), "yaml")
    assert document.data == data
    assert set(document.lines()) == _paths(data, ())


def test_aliases_and_merged_keys_have_lines() -> None:
    document = read_text("base: &base\n  cost: 2\nlink:\n  <<: *base\n  ends: [a, b]\n", "yaml")
    assert document.data["link"] == {"cost": 2, "ends": ["a", "b"]}
    assert document.lines()[("link", "cost")] == 2
    assert document.lines()[("link", "ends")] == 5


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("toml", "[e]\nname = 1\nname = 2\n[f]\n[e]\n"),
        ("yaml", "e:\n  name: 1\n  name: 2\nf: 1\ne: 3\n"),
        ("json", '{"e": {\n"name": 1,\n"name": 2},\n"f": 1,\n"e": 3}'),
    ],
)
def test_all_keys_that_stand_there_twice_are_told(format: str, text: str) -> None:
    flaws = sorted(_flaws(text, format), key=lambda flaw: flaw.line or 0)
    assert [(flaw.line, flaw.key) for flaw in flaws] == [(3, "e.name"), (5, "e")]
    assert flaws[0].message == "stands there twice, first in line 2"


@pytest.mark.parametrize(
    ("format", "text", "line", "message", "remedy"),
    [
        ("toml", "[e]\nname = quick\n", 2, "invalid value", 'text needs quotes: name = "quick"'),
        ("toml", "[e]\nsize = 1 GB # big\n", 2, "expected newline", 'text needs quotes: size = "1 GB"'),
        ("toml", "[e]\nname: x\n", 2, "expected '='", 'write name = "x"'),
        ("toml", "[e]\nseed: 3\n", 2, "expected '='", "write seed = 3"),
        ("toml", '[e]\nname = "x\nseed = 1\n', 2, "a text in quotes does not end", "the line is: name = "),
        ("toml", "\n[e\n", 2, "expected ']'", "the line is: [e"),
        ("toml", "a = [1,\n\n", 1, "", "the line is: a = [1,"),
        ("yaml", "e:\n  name: x\n name: y\n", 3, "did not find expected key", "look at this line"),
        ("yaml", "e: [1\nf: 2", 2, "did not find expected ',' or ']'", "look at this line"),
        (
            "yaml",
            "a: !!python/object/apply:os.getcwd []\n",
            1,
            "could not determine a constructor",
            "look at",
        ),
        ("yaml", "a: 1\n---\nb: 2\n", 2, "expected a single document", "look at"),
        ("yaml", "a: *nobody\n", 1, "undefined alias", "look at"),
        ("json", '{"a": 1,\n}', 2, "expecting property name", "remove the comma before it"),
        ("json", '{"a": 1\n "b": 2}', 2, "expecting ',' delimiter", "look at this line"),
        ("json", '{\n// no\n"a": 1}', 2, "expecting property name", "JSON has no comments"),
        ("json", "{'a': 1}", 1, "expecting property name", "look at"),
    ],
)
def test_syntax_errors_have_their_line_and_a_remedy(
    format: str, text: str, line: int, message: str, remedy: str
) -> None:
    (flaw,) = _flaws(text, format)
    assert flaw.key == "syntax"
    assert flaw.line == line
    assert message in flaw.message
    assert remedy in (flaw.remedy or "")


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("toml", "a = " + "[" * 100_000),
        ("json", "[" * 100_000),
        ("json", '{"a":' * 100_000),
        ("yaml", "a: " + "[" * 100_000),
        ("yaml", "- " * 100_000),
        ("yaml", "\n".join(" " * depth + "a:" for depth in range(300))),
    ],
)
def test_deep_nesting_is_refused(format: str, text: str) -> None:
    (flaw,) = _flaws(text, format)
    assert "nested too deeply" in flaw.message


@pytest.mark.parametrize(
    ("format", "text"), [("toml", f"a = {'9' * 5000}"), ("json", f'{{"a": {"9" * 5000}}}')]
)
def test_numbers_of_thousands_of_digits_are_refused(format: str, text: str) -> None:
    (flaw,) = _flaws(text, format)
    assert flaw.message == "a number has thousands of digits"


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": [Infinity]}', '{"a": -Infinity}'])
def test_what_json_does_not_have_is_refused(text: str) -> None:
    (flaw,) = _flaws(text, "json")
    assert "is no number" in flaw.message


def test_an_alias_within_itself_is_refused() -> None:
    (flaw,) = _flaws("a: 1\nb: &b\n  c: [*b]\n", "yaml")
    assert flaw.message == "holds itself"


def test_a_date_that_does_not_exist_is_refused() -> None:
    (flaw,) = _flaws("a: 2026-02-31\n", "yaml")
    assert flaw.remedy == "put text in quotes"


@pytest.mark.parametrize("format", ["toml", "yaml", "json"])
@pytest.mark.parametrize("text", ["", " \n\t\n"])
def test_an_empty_file_is_refused(format: str, text: str) -> None:
    (flaw,) = _flaws(text, format)
    assert flaw.message == "this file is empty"
    assert "nextmini init" in (flaw.remedy or "")


@pytest.mark.parametrize(
    ("format", "text"), [("toml", "# hm\n"), ("yaml", "# hm\n"), ("yaml", "---\n"), ("json", "{}")]
)
def test_nothing_but_comments_is_refused(format: str, text: str) -> None:
    (flaw,) = _flaws(text, format)
    assert "nothing but comments" in flaw.message


@pytest.mark.parametrize(
    ("format", "text"), [("yaml", "- a\n"), ("yaml", "word\n"), ("json", "[1]"), ("json", "3")]
)
def test_what_is_no_table_is_refused(format: str, text: str) -> None:
    (flaw,) = _flaws(text, format)
    assert "expected tables" in flaw.message


def _refusal(path: Path) -> str:
    with pytest.raises(UnreadableError) as caught:
        read_file(path)
    (flaw,) = caught.value.flaws
    assert flaw.key == "scenario"
    return f"{flaw.message}; {flaw.remedy}"


def test_a_missing_file(tmp_path: Path) -> None:
    assert "there is no such file" in _refusal(tmp_path / "nope.toml")
    (tmp_path / "net.yaml").write_text("a: 1")
    assert f"did you mean {tmp_path / 'net.yaml'}?" in _refusal(tmp_path / "net")


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "some.toml").mkdir()
    assert "this is a folder" in _refusal(tmp_path / "some.toml")
    (tmp_path / "b.json").write_text("{}")
    (tmp_path / "a.txt").write_text("")
    assert f"as in {tmp_path / 'b.json'}" in _refusal(tmp_path)


def test_a_name_that_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "net.conf").write_text("a = 1")
    assert "end it with .toml, .yaml, .yml or .json" in _refusal(tmp_path / "net.conf")


def test_what_is_not_a_regular_file(tmp_path: Path) -> None:
    (tmp_path / "null.toml").symlink_to("/dev/null")
    assert "not a regular file" in _refusal(tmp_path / "null.toml")


def test_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "a.toml").symlink_to("a.toml")
    assert "Too many levels of symbolic links" in _refusal(tmp_path / "a.toml")


def test_a_binary_file(tmp_path: Path) -> None:
    (tmp_path / "image.toml").write_bytes(b"a\n\n\x89PNG\x00")
    with pytest.raises(UnreadableError) as caught:
        read_file(tmp_path / "image.toml")
    (flaw,) = caught.value.flaws
    assert flaw.line == 3
    assert "byte 0x89 at offset 3" in flaw.message


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    (tmp_path / "secret.toml").write_text("a = 1")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "cannot be read: Permission denied" in _refusal(tmp_path / "secret.toml")


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    with (tmp_path / "huge.toml").open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    assert "larger than 64 MiB" in _refusal(tmp_path / "huge.toml")


@pytest.mark.parametrize("suffix", ["toml", "yml", "json", "TOML"])
def test_formats_go_by_the_suffix(tmp_path: Path, suffix: str) -> None:
    text = {"toml": "a = 1", "yml": "a: 1", "json": '{"a": 1}'}[suffix.lower()]
    path = tmp_path / f"net.{suffix}"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_file(path).data == {"a": 1}
