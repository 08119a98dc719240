"""What commands on finished runs refuse by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nextmini.cli.main import main
from nextmini.cli.runs import words

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["plot", "lab-1"], "there is no run 'lab-1'; there are none below runs"),
        (
            ["plot", "lab-1", "--what", "queue,speed"],
            "--what: 'speed' cannot be drawn; write any of throughput",
        ),
        (["plot", "lab-1", "--what", ","], "--what names nothing"),
        (["plot", "lab-1", "--format", "gif"], "gif"),
        (["export", "lab-1"], "there is no run 'lab-1'"),
        (["export", "lab-1", "--runs-dir", "elsewhere"], "there are none below elsewhere"),
        (["compare", "lab-1"], "one run alone cannot be compared"),
        (["compare", "lab-1", "lab-2"], "there is no run 'lab-1'"),
        (["compare", "lab-1", "lab-2", "--tolerance", "much"], "--tolerance: 'much' is no share"),
    ],
)
def test_they_are_refused_with_a_reason(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    said = capsys.readouterr()
    assert (caught.value.code, said.out) == (2, "")
    assert complaint in said.err
    assert list(tmp_path.iterdir()) == []


def test_lists_are_written_with_commas() -> None:
    assert (words(None), words("a, b,,c-d"), words("")) == (None, ["a", "b", "c-d"], [])
