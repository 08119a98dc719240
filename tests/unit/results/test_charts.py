"""Charts of a run: what is in them, and that they become files."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pyarrow.parquet
import pytest
from matplotlib import image

from nextmini.errors import PrerequisiteError
from nextmini.results.charts import KINDS, Chart, Chosen, charts
from nextmini.results.curves import Choice
from nextmini.results.drawing import draw
from nextmini.results.finding import ResultError, RunFiles
from nextmini.store import LinkMetric

from .runs_on_disk import BEGIN, make_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nextmini.results.charts import What
    from nextmini.results.load_chart import LoadChart

ALL: tuple[What, ...] = ("throughput", "queue", "delay", "drops")
NAN = math.nan


@pytest.fixture
def run(tmp_path: Path) -> RunFiles:
    return RunFiles(make_run(tmp_path, "lab-1"))


def shown(made: Sequence[Chart | LoadChart]) -> dict[str, dict[str, list[float]]]:
    return {
        chart.name: {name: list(values) for name, values in chart.choice.shown.items()}
        for chart in made
        if isinstance(chart, Chart)
    }


def test_each_chart_has_what_the_series_say(run: RunFiles) -> None:
    made = charts(run, None, Chosen())
    assert {tuple(chart.times) for chart in made if isinstance(chart, Chart)} == {(1, 2, 3, 4)}
    assert {chart.note for chart in made} == {None}
    assert shown(made) == {
        "throughput-links": {"a-1 -> b": [0, 8, 8, 8], "b -> c": [0, 4, 4, 4]},
        "throughput-flows": {"up": [0, 8, 8, 8], "call": pytest.approx([0, 0.008, 0.008, 0.008])},
        "queue-links": {"a-1 -> b": [0, 2, 4, 6]},
        "delay-flows": {"up": pytest.approx([NAN, 10, 20, 30], nan_ok=True)},
        "drops-links": {"a-1 -> b": [0, 0, 0, 1]},
    }


def test_only_what_is_asked_for_is_in_them(run: RunFiles) -> None:
    made = shown(charts(run, ("throughput", "delay"), Chosen(["c-b"], ["call"])))
    assert {name: list(curves) for name, curves in made.items()} == {
        "throughput-links": ["b -> c"],
        "throughput-flows": ["call"],
        "delay-flows": ["call"],
    }
    # Names may have hyphens themselves.
    assert list(shown(charts(run, ("queue",), Chosen(["a-1-b"])))["queue-links"]) == ["a-1 -> b"]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (Chosen(links=["b-d"]), "no samples of link 'b-d'; did you mean b-c?"),
        (Chosen(flows=["zzz"]), "no samples of flow 'zzz'; there are up, call"),
    ],
)
def test_what_is_not_there_is_refused(run: RunFiles, chosen: Chosen, said: str) -> None:
    with pytest.raises(ResultError, match="there are") as caught:
        charts(run, ("throughput",), chosen)
    assert said in str(caught.value)


def test_a_run_without_samples_cannot_be_drawn(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "short", links=[], flows=[])
    with pytest.raises(ResultError, match="are empty"):
        charts(RunFiles(folder), ALL, Chosen())
    (folder / "series" / "flows.parquet").unlink()
    with pytest.raises(ResultError, match=r"no series/flows\.parquet"):
        charts(RunFiles(folder), ALL, Chosen())
    (folder / "series" / "flows.parquet").write_text("no such thing")
    with pytest.raises(ResultError, match="cannot be read"):
        charts(RunFiles(folder), ALL, Chosen())


def test_links_whose_far_end_nobody_knows_are_told_apart(tmp_path: Path) -> None:
    lost = [LinkMetric("r", BEGIN, link, 1, 500_000, 1, {}, 0) for link in (8, 9)]
    made = charts(RunFiles(make_run(tmp_path, "lab-2", links=lost)), ("throughput",), Chosen())
    assert shown(made)["throughput-links"] == {
        "a-1 -> link 8": [4, 0, 0, 0],
        "a-1 -> link 9": [4, 0, 0, 0],
    }


def test_a_run_folder_of_another_version_is_refused(run: RunFiles) -> None:
    path = run.series("links")
    table = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(table.drop_columns(["drops_auth"]), path)
    with pytest.raises(ResultError, match="has no column drops_auth"):
        charts(run, ("drops",), Chosen())
    scenario = run.folder / "scenario.toml"
    scenario.write_text(scenario.read_text().replace('interval = "1 s"', "interval = 1"))
    with pytest.raises(ResultError, match=r"no experiment\.interval"):
        charts(run, ("drops",), Chosen())


def test_the_others_are_told_of() -> None:
    kind = KINDS[0]
    assert Chart(kind, [1.0], Choice({"x": [1.0]}, 3, [1.0])).note == (
        "throughput-links: 1 of 4 links, the others are summed"
    )
    assert Chart(kind, [1.0], Choice({"x": [1.0]}, 3, None)).note == (
        "throughput-links: 1 of 4 links, the others are not shown"
    )


def test_charts_become_pictures(run: RunFiles, tmp_path: Path) -> None:
    (chart, *_) = charts(run, ("throughput",), Chosen())
    assert isinstance(chart, Chart)
    names = {"_hidden$": [1.0, 2.0, 3.0, 4.0], **chart.choice.shown}
    chart = Chart(chart.kind, chart.times, Choice(names, 2, [1.0, 1.0, NAN, 1.0]))
    (png,) = draw([chart], tmp_path / "a" / "b", "png", "run_$1")
    pixels = image.imread(png)
    assert pixels.shape[:2] == (750, 1500)
    assert len({tuple(pixel) for pixel in pixels.reshape(-1, pixels.shape[2])[::7]}) > 10
    (svg,) = draw([chart], tmp_path, "svg", "run")
    text = "".join(ElementTree.parse(svg).getroot().itertext())
    for words in ("run: Throughput of links", "Mbit/s", "a-1 -> b", "2 others, summed", "_hidden$"):
        assert words in text
    before = svg.read_bytes()
    draw([chart], tmp_path, "svg", "run")
    assert svg.read_bytes() == before
    (pdf,) = draw([chart], tmp_path, "pdf", "run")
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "throughput-links.pdf",
        "throughput-links.svg",
    ]


def test_a_chart_of_nothing_says_so(tmp_path: Path) -> None:
    (svg,) = draw([Chart(KINDS[4], [1.0, 2.0], Choice({}, 0, None))], tmp_path, "svg", "run")
    assert ">nothing</text>" in svg.read_text()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="choose another with -o"):
        draw([], tmp_path / "file", "svg", "run")


def test_without_matplotlib_it_is_told_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PrerequisiteError, match=r"pip install 'nextmini\[plot\]'") as caught:
        draw([], tmp_path, "svg", "run")
    assert caught.value.exit_code == 2
