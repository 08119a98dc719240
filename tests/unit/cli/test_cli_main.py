"""The program: its list of commands, what it imports, and how it ends."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.cli.main import COMMANDS, Entry, load, main
from nextmini.errors import DatabaseError, NextminiError, Problem, RunError, ScenarioError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Not pydantic: typer imports it by itself as soon as an option has a value.
_HEAVY = ("asyncpg", "websockets", "msgpack", "pyarrow", "rustworkx", "yaml", "nextmini.scenario")
_OWN = ("init", "example", "validate", "doctor", "schema", "version")


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return int(caught.value.code or 0)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | None], None]:
    """Makes a command `probe` that raises what it is given."""

    def install(error: BaseException | None) -> None:
        module = ModuleType("nextmini.cli.probe")

        def probe() -> None:
            if error is not None:
                raise error

        module.probe = probe  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "nextmini.cli.probe", module)
        monkeypatch.setitem(COMMANDS, "probe", Entry("probe", "probe", "A probe."))

    return install


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["--version"], ["nonsense"]])
def test_little_is_imported_for_it(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from nextmini.cli.main import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit:\n"
        f"    print('imported:', [name for name in {_HEAVY!r} if name in sys.modules])\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.endswith("imported: []\n"), ended.stdout


def test_help_has_no_line_breaks_of_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("iperf", "--help") == 0
    assert "1 if that failed, 2 if it was refused" in capsys.readouterr().out


def test_help_lists_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--help") == 0
    text = capsys.readouterr().out
    for name, entry in COMMANDS.items():
        assert name in text
        assert entry.summary.split()[0] in text


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_there(name: str) -> None:
    assert load(name).name == name


@pytest.mark.parametrize("name", _OWN)
def test_every_command_explains_itself_as_the_list_does(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(name, "--help") == 0
    summary = COMMANDS[name].summary.rstrip(".")
    assert summary.split(" of ")[0] in " ".join(capsys.readouterr().out.split())


def helps(command: Any) -> Iterator[str]:
    """All that a command says of itself, its options and its own commands."""
    yield command.help or ""
    yield from (getattr(param, "help", None) or "" for param in command.params)
    for inner in getattr(command, "commands", {}).values():
        yield from helps(inner)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_help_has_what_is_taken_for_markup(name: str) -> None:
    texts = list(helps(load(name)))
    assert any(texts)
    assert [text for text in texts if re.search(r"(?<!\\)\[[a-z]", text)] == []


def test_no_command_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run() == 2
    assert "Usage: nextmini" in capsys.readouterr().out


def test_a_mistyped_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("vesion") == 2
    captured = capsys.readouterr()
    assert "Did you mean 'version'?" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RunError("flow bulk failed"), 1, "error: flow bulk failed\n"),
        (DatabaseError("no server at x", "start one"), 2, "error: no server at x; start one\n"),
        (NextminiError("one\ntwo"), 1, "error: one\nerror: two\n"),
        (
            ScenarioError(
                [Problem("a.toml", 3, "k", "is wrong", "right it"), Problem("a.toml", None, "j", "too")]
            ),
            2,
            "error: a.toml:3: k: is wrong; right it\nerror: a.toml: j: too\n",
        ),
    ],
)
def test_errors_are_told_without_a_traceback(
    command: Callable[[BaseException | None], None],
    capsys: pytest.CaptureFixture[str],
    error: NextminiError,
    code: int,
    said: str,
) -> None:
    command(error)
    assert _run("probe") == code
    captured = capsys.readouterr()
    assert captured.err == said
    assert captured.out == ""


def test_thousands_of_problems_are_cut(
    command: Callable[[BaseException | None], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(ScenarioError([Problem("a.toml", line, "k", "is wrong") for line in range(1, 1001)]))
    assert _run("probe") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 51
    assert lines[-1] == "error: and 950 more problems"


def test_a_defect_shows_its_traceback_and_asks_for_a_report(
    command: Callable[[BaseException | None], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(ZeroDivisionError("by nought"))
    assert _run("probe") == 1
    said = capsys.readouterr().err
    assert "Traceback (most recent call last)" in said
    assert "ZeroDivisionError: by nought" in said
    assert "please report it" in said.splitlines()[-1]


def test_an_interrupt_ends_with_130(command: Callable[[BaseException | None], None]) -> None:
    command(KeyboardInterrupt())
    assert _run("probe") == 130


def test_an_interrupt_while_a_class_is_made_is_one_too(
    command: Callable[[BaseException | None], None],
) -> None:
    error = RuntimeError("Error calling __set_name__ on 'cached_property' instance 'data' in 'Names'")
    error.__cause__ = KeyboardInterrupt()
    command(error)
    assert _run("probe") == 130


def test_success_ends_with_0(command: Callable[[BaseException | None], None]) -> None:
    command(None)
    assert _run("probe") == 0


def test_the_entry_point_of_the_package_is_main() -> None:
    assert importlib.import_module("nextmini.cli.main").main is main
