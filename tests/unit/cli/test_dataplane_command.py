"""`nextmini dataplane`: which options go together, and what they become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nextmini.cli import dataplane as module
from nextmini.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

URL = "wss://lab.example:7700/dataplane"


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """What the process was started with; none is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text("secret\n")
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def run(*arguments: Any, **options: Any) -> int:
        calls.append((arguments, options))
        return 0

    monkeypatch.setattr(module, "run", run)
    return calls


def dataplane(*options: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["dataplane", "--token-file", "token", *options])
    return int(caught.value.code or 0)


def test_a_process_joins_its_site(started: list[Any]) -> None:
    assert dataplane("--join", URL, "--site", "home") == 0
    ((arguments, options),) = started
    assert arguments == (URL, "secret", "home")
    assert (options["listen"], options["ports"], options["public"]) == (None, None, None)
    more = ("--ports", "7000-7010", "--public", "2001:DB8::7", "--listen", "0.0.0.0:0")
    assert dataplane("--join", URL, "--site", "home", *more) == 0
    _, options = started[1]
    assert (options["listen"], options["ports"], options["public"]) == (
        "0.0.0.0:0",
        (7000, 7010),
        "2001:db8::7",
    )


def test_a_process_may_say_which_one_it_is(started: list[Any]) -> None:
    assert dataplane("--controller", URL, "--process", "3") == 0
    ((arguments, _),) = started
    assert arguments == (URL, "secret", 3)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--join", URL), "--join goes with --site, and without --process; write --site NAME"),
        (("--join", URL, "--site", "a", "--process", "1"), "--join goes with --site"),
        (("--controller", URL), "--controller goes with --process"),
        (("--controller", URL, "--process", "0", "--site", "a"), "--controller goes with --process"),
        (("--controller", URL, "--process", "0", "--ports", "7-9"), "--controller goes with --process"),
        (("--controller", URL, "--join", URL), "needs one of --controller and --join"),
        ((), "needs one of --controller and --join"),
        (("--join", URL, "--site", "a", "--ports", "9-7"), '--ports: "9-7" is not a range of ports'),
        (("--join", URL, "--site", "a", "--public", "lab"), '--public: "lab" is not an IP address'),
    ],
)
def test_options_that_make_no_sense_are_refused(
    started: list[Any], capsys: pytest.CaptureFixture[str], options: tuple[str, ...], told: str
) -> None:
    assert dataplane(*options) == 2
    assert told in capsys.readouterr().err
    assert started == []
