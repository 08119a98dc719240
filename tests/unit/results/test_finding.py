"""Runs by what somebody calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nextmini.results.comparison import compare
from nextmini.results.finding import ResultError, RunFiles, find
from nextmini.results.recorded import recorded

from .runs_on_disk import make_run

if TYPE_CHECKING:
    from pathlib import Path


def test_a_run_is_its_folder_or_its_id(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    folder = make_run(runs, "lab-20261126-120000-abcd")
    by_id = find(folder.relative_to(runs), runs)
    assert (by_id.id, by_id.folder) == (folder.name, folder)
    assert find(folder, tmp_path / "elsewhere").folder == folder
    assert by_id.has_result()
    assert by_id.result()["experiment"] == "lab"


def test_a_wrong_one_is_refused_with_what_is_there(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with pytest.raises(ResultError, match="there are none below"):
        find(tmp_path / "lab", runs)
    folder = make_run(runs, "lab-20261126-120000-abcd")
    with pytest.raises(ResultError, match="did you mean lab-20261126-120000-abcd"):
        find(folder.with_name("lab-20261126-120000-abce"), runs)
    with pytest.raises(ResultError, match="there are lab-20261126-120000-abcd, newest first"):
        find(tmp_path / "x", runs)
    with pytest.raises(ResultError, match="is no run folder"):
        find(tmp_path, runs)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "lab-1")
    run = RunFiles(folder)
    result = folder / "result.json"
    for text, said in (("{", "is no JSON"), ("[]", "is not the result"), ('{"flows": []}', "no seconds")):
        result.write_text(text)
        with pytest.raises(ResultError, match=said):
            recorded(run)
    result.write_text('{"seconds": 1, "flows": [{"name": "f"}], "link_stats": []}')
    with pytest.raises(ResultError, match="has no flows with bytes, goodput_bps"):
        recorded(run)
    result.unlink()
    assert not run.has_result()
    with pytest.raises(ResultError, match="once it has ended in order"):
        recorded(run)
    (folder / "scenario.toml").write_text("x = ")
    with pytest.raises(ResultError, match="is no TOML"):
        run.scenario()


def test_a_run_is_as_it_is(tmp_path: Path) -> None:
    one = recorded(RunFiles(make_run(tmp_path, "lab-1")))
    assert one.rates == {("a-1", "b"): 8_000_000, ("b", "a-1"): 8_000_000}
    made = compare(one, one, 0.0)
    assert (made["scenario"], made["beyond_tolerance"]) == ([], [])
    assert {entry["difference"] for entry in made["totals"].values()} == {0}


def test_a_scenario_of_another_version_is_refused(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "lab-1")
    scenario = folder / "scenario.toml"
    scenario.write_text(scenario.read_text().replace('interval = "1 s"', 'interval = "1 s"\nfuture = 1'))
    with pytest.raises(ResultError, match="not of this version"):
        recorded(RunFiles(folder))
