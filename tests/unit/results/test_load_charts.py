"""The chart of predicted against measured loads: what is in it, and that it becomes a picture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from nextmini.results.charts import Chosen, charts
from nextmini.results.drawing import draw
from nextmini.results.finding import ResultError, RunFiles
from nextmini.results.load_chart import MOST_BARS, LinkLoad, LoadChart, load_chart
from nextmini.results.load_drawing import paint_loads

from .runs_on_disk import make_run

if TYPE_CHECKING:
    from pathlib import Path

DRAWN = Chosen()


def entry(sender: str, receiver: str, predicted: int, measured: int, rate: int | None) -> dict[str, Any]:
    return {
        "from": sender,
        "to": receiver,
        "rate_bps": rate,
        "predicted_bps": predicted,
        "measured_bps": measured,
        "predicted_utilisation": rate and predicted / rate,
        "utilisation": rate and measured / rate,
    }


LOADS = [
    entry("a-1", "b", 2_000_000, 2_500_000, 8_000_000),
    entry("b", "a-1", 0, 80_000, 8_000_000),
    entry("b", "c", 3_000_000, 2_900_000, None),
    entry("c", "b", 0, 0, None),
]


@pytest.fixture
def run(tmp_path: Path) -> RunFiles:
    return RunFiles(make_run(tmp_path, "lab-1", loads=LOADS))


def the_chart(run: RunFiles, chosen: Chosen = DRAWN) -> LoadChart:
    (chart,) = charts(run, ["loads"], chosen)
    assert isinstance(chart, LoadChart)
    return chart


def test_each_direction_is_a_point_and_the_fullest_come_first(run: RunFiles) -> None:
    chart = the_chart(run)
    assert chart.loads[:2] == [
        LinkLoad("a-1 -> b", 2.0, 2.5, 0.25, 0.3125),
        LinkLoad("b -> a-1", 0.0, 0.08, 0.0, 0.01),
    ]
    assert [load.name for load in chart.named] == ["a-1 -> b", "b -> c", "b -> a-1", "c -> b"]
    assert chart.note is None
    assert [chart.name for chart in charts(run, None, DRAWN)][-2:] == ["drops-links", "loads"]


def test_bars_are_those_that_are_asked_for(run: RunFiles) -> None:
    chart = the_chart(run, Chosen(links=["c-b"]))
    assert [load.name for load in chart.named] == ["b -> c", "c -> b"]
    assert len(chart.loads) == 4
    assert chart.note == "loads: all 4 links are points, 2 have bars"
    with pytest.raises(ResultError, match="no samples of link 'b-d'; did you mean"):
        charts(run, ["loads"], Chosen(links=["b-d"]))


def test_of_many_links_the_fullest_have_bars() -> None:
    loads = [LinkLoad(str(n), 1.0, 1.0, n / 100, n / 100) for n in range(MOST_BARS + 1)]
    chart = load_chart(loads, None)
    assert [load.name for load in chart.named] == [str(n) for n in range(MOST_BARS, 0, -1)]


def test_a_run_without_loads_has_no_such_chart(run: RunFiles) -> None:
    (run.folder / "result.json").write_text(json.dumps(run.result() | {"loads": []}))
    assert "loads" not in {chart.name for chart in charts(run, None, DRAWN)}
    with pytest.raises(ResultError, match=r"lab-1 has no predicted loads; .*\[\[demands\]\]"):
        charts(run, ["loads", "queue"], DRAWN)
    (run.folder / "result.json").write_text(json.dumps(run.result() | {"loads": [{"from": "a"}]}))
    with pytest.raises(ResultError, match="cannot be read: 'to'"):
        charts(run, ["loads"], DRAWN)


def test_it_becomes_a_picture(run: RunFiles, tmp_path: Path) -> None:
    chart = the_chart(run)
    (svg,) = draw([chart], tmp_path, "svg", "run_$1")
    assert svg.name == "loads.svg"
    text = "".join(ElementTree.parse(svg).getroot().itertext())
    for words in ("run_$1: Predicted and measured loads", "a-1 -> b", "25.0%", "31.2%", "1.0%", "Mbit/s"):
        assert words in text
    before = svg.read_bytes()
    draw([chart], tmp_path, "svg", "run_$1")
    assert svg.read_bytes() == before


def test_points_and_bars_stand_where_the_numbers_are(run: RunFiles) -> None:
    figure = Figure()
    paint_loads(figure, the_chart(run), "x", str)
    points, bars = figure.axes
    places = points.collections[0].get_offsets()
    assert isinstance(places, np.ndarray)
    assert places.tolist() == [[2.0, 2.5], [0.0, 0.08], [3.0, 2.9], [0.0, 0.0]]
    assert points.get_xlim() == points.get_ylim() == pytest.approx((0, 3.15))
    assert [[bar.get_width() for bar in group] for group in bars.containers] == [
        [2.0, 3.0, 0.0, 0.0],
        [2.5, 2.9, 0.08, 0.0],
    ]
    nothing = Figure()
    paint_loads(nothing, LoadChart([LinkLoad("a -> b", 0.0, 0.0, None, None)], []), "x", str)
    assert nothing.axes[0].get_xlim() == (0.0, 1.0)
