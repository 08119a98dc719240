"""Files of users: what is kept of them, and what is wrong with them at which line."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING

import pytest

from nextmini.errors import Problem, ScenarioError
from nextmini.scenario import Network, Scenario, dump, load, loads, resolve
from nextmini.scenario.users import MOST_USERS, credential

if TYPE_CHECKING:
    from pathlib import Path

_TEXT = """\
[experiment]
name = "x"
[topology]
kind = "line"
nodes = ["a", "b"]
[[socks]]
node = "a"
users = "who.txt"
"""


def network(folder: Path, content: bytes) -> Network:
    (folder / "who.txt").write_bytes(content)
    (folder / "x.toml").write_text(_TEXT)
    return resolve(load(folder / "x.toml"))


def refused(folder: Path, content: bytes) -> Problem:
    with pytest.raises(ScenarioError) as caught:
        network(folder, content)
    (problem,) = caught.value.problems
    assert "socks[0].users" in problem.key
    assert problem.remedy
    return problem


def test_a_credential_is_an_hmac_of_the_password() -> None:
    known = hmac.new(b"alice", b"secret", hashlib.sha256).hexdigest()
    assert credential(b"alice", b"secret") == known
    # RFC 4231, test case 2.
    case = credential(b"Jefe", b"what do ya want for nothing?")
    assert case == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_only_credentials_are_kept(tmp_path: Path) -> None:
    long = b"n" * 255 + b":" + b"p" * 255
    lines = ["# who they are", "", "  ", "alice:se:c ret#1", "#bob:b", "ünï:ö "]
    made = network(tmp_path, "\n".join(lines).encode() + b"\r\n" + long)
    (entrance,) = made.nodes[0].socks
    assert entrance.users == (
        credential(b"alice", b"se:c ret#1"),
        credential("ünï".encode(), "ö ".encode()),
        credential(b"n" * 255, b"p" * 255),
    )
    text = dump(made)
    assert "alice" not in text
    assert "se:c ret" not in text
    assert "se:c ret" not in repr(made)
    assert f"users = {json.dumps(str(tmp_path / 'who.txt'))}" in text


def test_what_is_dumped_finds_the_file_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "elsewhere").mkdir()
    made = network(tmp_path / "net", b"\xef\xbb\xbfalice:secret\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert resolve(loads(dump(made))) == made
    assert made.nodes[0].socks[0].users == (credential(b"alice", b"secret"),)


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        (b"alice:secret\nhunter2\n", 2, "there is no colon in this line"),
        (b"#\n\n:hunter2\n", 3, "this line has no name"),
        (b"alice:\n", 1, "this line has no password"),
        (b"alice:hunter2\nbob:x\nalice:hunter3\n", 3, "line 1 has this name too"),
        (b"n" * 256 + b":hunter2", 1, "the name in this line has 256 bytes"),
        (b"a:" + "ö".encode() * 128, 1, "the password in this line has 256 bytes"),
        (b"a:b\nc:hunter2\xff\n", 2, "this line is not text in UTF-8"),
    ],
)
def test_a_line_that_is_wrong_is_named_and_not_shown(
    tmp_path: Path, content: bytes, line: int, told: str
) -> None:
    problem = refused(tmp_path, content)
    assert (problem.file, problem.line, problem.message) == (str(tmp_path / "who.txt"), line, told)
    assert "hunter" not in str(problem)


def test_a_file_that_cannot_be_used_is_told_at_its_key(tmp_path: Path) -> None:
    problem = refused(tmp_path, b"# nobody\n\n")
    assert (problem.file, problem.line) == (str(tmp_path / "x.toml"), 8)
    assert problem.message == f"there are no users in {tmp_path / 'who.txt'}"
    many = refused(tmp_path, b"".join(b"%d:x\n" % number for number in range(MOST_USERS + 1)))
    assert many.message.startswith("there are 5,001 users in ")
    assert refused(tmp_path, b"#" * (4 * 2**20 + 1)).message.endswith("who.txt is larger than 4 MiB")
    (tmp_path / "who.txt").unlink()
    with pytest.raises(ScenarioError, match=r"there is no file .*who\.txt; name a file, from the folder"):
        load(tmp_path / "x.toml")
    (tmp_path / "who.txt").mkdir()
    with pytest.raises(ScenarioError, match="this is a folder"):
        load(tmp_path / "x.toml")


def test_without_a_file_to_read_nobody_is_let_in() -> None:
    with pytest.raises(ValueError, match=r"who\.txt cannot be read here"):
        Scenario.model_validate({"experiment": {"name": "x"}, "socks": [{"node": "a", "users": "who.txt"}]})
