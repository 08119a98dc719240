"""`python -m bench.figures`: what it writes, and what becomes of a figure that fails."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from bench.figures import __main__ as command
from bench.figures.command import Figure, Measured
from bench.figures.document import Origin, Row, read
from figure_documents import PANEL, measured

from nextmini.errors import PrerequisiteError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.figures.cases import Tell
    from bench.figures.effort import Effort

    from nextmini.experiment import Interrupt


async def good(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    tell("all of it")
    return Measured(measured(), {"Mininet": "2.3.0"})


async def broken(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    raise PrerequisiteError("there is no PyTorch", "install it")


async def defective(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    raise KeyError("gbps")


async def half(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    return Measured([*measured(), Row("tcp", "smoltcp", 2, Origin.OURS, reason="it broke")])


def figure(name: str) -> Figure:
    measures = {"fig04": defective, "fig05": good, "fig08": broken, "fig09": half}
    made = Figure(name, f"{name}_module", f"Title of {name}", (PANEL,), measures[name], ("a note",))
    return replace(made, stand_in="Not real ones.") if name == "fig09" else made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    figures = tuple(figure(name) for name in ("fig04", "fig08", "fig05", "fig09"))
    monkeypatch.setattr(command, "FIGURES", figures)
    monkeypatch.setattr(command.chosen, "__defaults__", (command.FIGURES,))
    return tmp_path / "results"


def test_a_figure_that_fails_does_not_take_the_others_with_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--output", str(folder), "--quick"]) == 1
    assert sorted(path.name for path in folder.iterdir()) == [
        "fig05.json",
        "fig05.png",
        "fig09.json",
        "fig09.png",
    ]
    text = (folder.parent / "RESULTS.md").read_text()
    assert "**Not measured this time**: there is no PyTorch" in text
    assert "**Not measured this time**: smoltcp at 2: it broke" in text
    assert "## Figure 5: Title of fig05" in text
    assert "![Title of fig05](results/fig05.png)" in text
    assert "`python -m bench.figures.fig05_module --quick`" in text
    assert "With Mininet (2.3.0)." in text
    assert "- The paper: Lossless flows reach nearly 12 Gbit/s" in text
    assert "| Mininet | Gbit/s | 1,234 | not measured |" in text
    assert "**A stand-in.** Not real ones." in text
    said = capsys.readouterr().err
    assert "fig05: all of it" in said
    assert "fig08: there is no PyTorch" in said
    assert "KeyError" in said


def test_only_some_are_measured_and_the_others_stay(folder: Path) -> None:
    assert command.main(["--output", str(folder), "--only", "fig05", "--seconds", "0.5"]) == 0
    made = read(folder / "fig05.json")
    assert (made.command, made.quick) == ("python -m bench.figures.fig05_module --seconds 0.5", False)
    (folder / "fig05.png").unlink()
    assert command.main(["--output", str(folder), "--render"]) == 0
    assert (folder / "fig05.png").exists()
    assert read(folder / "fig05.json") == made


def test_what_cannot_be_asked_for_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--output", str(folder), "--only", "fig99"]) == 2
    assert command.main(["--output", str(folder), "--seconds", "0"]) == 2
    assert not folder.exists()
    said = capsys.readouterr().err
    assert "--only: there is no figure 'fig99'" in said
    assert "--seconds" in said
