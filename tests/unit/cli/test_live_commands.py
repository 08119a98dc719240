"""What commands on running experiments print and refuse by themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nextmini.cli.link import settings_text
from nextmini.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


def test_settings_read_as_they_are_typed() -> None:
    assert settings_text({}) == "as usual"
    settings = {
        "rate": "5 Mbit/s",
        "jitter": {"amount": "1 ms", "reorder": True},
        "queue": ["100 packets", "64 kB"],
        "ecn": True,
    }
    assert settings_text(settings) == (
        'rate 5 Mbit/s, jitter { amount = "1 ms", reorder = true }, queue 100 packets, 64 kB, ecn true'
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["link", "a", "b", "down", "rate=5 Mbit/s"], "down takes no settings"),
        (["link", "a", "b", "up", "--direction", "forward"], "goes with set only"),
        (["link", "a", "b", "reset"], "reset"),
        (["down", "--all", "--experiment", "lab"], "do not go together"),
        (["flow", "add", "a", "b", "--kind", "sctp"], "sctp"),
        (["flow", "add", "a", "b", "--kind", "tcp", "--congestion", "bbr"], "bbr"),
        (["flow", "add", "a", "b", "--kind", "tcp", "--family", "ipv5"], "ipv5"),
        (["route", "add"], "NODE"),
        (["status", "--interval", "2"], "goes with --watch"),
        (["status", "--watch", "--interval", "0"], "0.1"),
        (["export", "lab-1", "--experiment", "lab"], "do not go together"),
    ],
)
def test_words_that_make_no_sense_are_refused(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments, "--state-dir", str(tmp_path)) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["status", "--watch"],
        ["export"],
        ["logs"],
        ["down"],
        ["link", "a", "b"],
        ["flow", "list"],
        ["flow", "stop", "f"],
        ["route", "list"],
        ["flow", "add", "a", "b"],
    ],
    ids=" ".join,
)
def test_without_an_experiment_there_is_nothing_to_act_on(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    assert run(*arguments, "--state-dir", str(state)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no experiment is running here; start one with `nextmini up FILE`" in captured.err
    assert not state.exists()


def test_nothing_is_listed_where_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--json", "--state-dir", str(tmp_path)) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert run("list", "--state-dir", str(tmp_path)) == 0
    assert capsys.readouterr() == ("", "no experiment is running\n")
