"""Drawings: where nodes are, how wide and of which colour links, and what becomes of it on paper."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from graph_files import Dot, Sketch, Stroke, graphml, random_sketch

from nextmini.errors import PrerequisiteError
from nextmini.experiment.drawing.canvas import FormatError, drawn
from nextmini.experiment.drawing.layout import placed, projected
from nextmini.experiment.drawing.picture import Picture, picture_of
from nextmini.experiment.drawing.utilisation import RunFolderError, shares, utilisation
from nextmini.scenario import Scenario, dump, loads, resolve
from nextmini.scenario.imports.distance import Position
from nextmini.scenario.loading import load_topology

if TYPE_CHECKING:
    from pathlib import Path

LINE = Sketch(
    [Dot("a", "Łódź", 51.8, 19.5), Dot("b", "東京 $x$", 35.7, 139.7), Dot("c")],
    [Stroke("a", "b", 10), Stroke("b", "c", 1000)],
)


def scenario(folder: Path, sketch: Sketch = LINE) -> Scenario:
    path = folder / "graph.graphml"
    path.write_text(graphml(sketch), encoding="utf-8")
    return load_topology(path, {})


def picture(made: Scenario, used: dict[frozenset[str], float] | None = None) -> Picture:
    return picture_of(resolve(made), made.topology, used)


def test_places_are_shrunk_as_degrees_east_are() -> None:
    spots = projected([Position(60, 10), None, Position(60, 30)])
    assert spots[1] is None
    assert spots[0] == pytest.approx((0, 60))
    assert spots[2] == pytest.approx((10, 60))


def test_the_pacific_is_no_end_of_the_world() -> None:
    tokyo, honolulu, seattle = projected([Position(0, 140), Position(0, -158), Position(0, -122)])
    assert tokyo is not None
    assert honolulu is not None
    assert seattle is not None
    assert tokyo[0] < honolulu[0] < seattle[0]
    assert seattle[0] - tokyo[0] == pytest.approx(98)


def test_nodes_without_places_stand_among_their_neighbours_or_below() -> None:
    spots = placed([(0.0, 0.0), (10.0, 4.0), None, None, None], [(0, 2), (1, 2), (2, 3)], 1)
    assert spots[2] != spots[3]  # around the same place
    assert spots[2] == pytest.approx((5, 2), abs=0.2)
    assert spots[3] == pytest.approx((5, 2), abs=0.2)
    assert spots[4][1] < 0


def test_nodes_without_any_place_are_laid_out_the_same_each_time() -> None:
    edges = [(0, 1), (1, 2), (2, 3)]
    spots = placed([None] * 4, edges, 7)
    assert len(set(spots)) == 4
    assert spots == placed([None] * 4, edges, 7)


def test_lines_are_as_wide_as_their_rates(tmp_path: Path) -> None:
    found = picture(scenario(tmp_path), {frozenset(("n2-x", "Lodz")): 0.25})
    assert found.labels == ("Łódź", "東京 $x$", "c")
    slow, fast = found.lines
    assert slow.width < fast.width
    assert (slow.dashed, fast.dashed) == (False, False)
    assert "10 Mbit/s (thin) to 1 Gbit/s (thick)" in found.title


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_the_same_picture_is_the_same_file(tmp_path: Path, suffix: str) -> None:
    made = scenario(tmp_path, random_sketch(3, 30))
    used = {frozenset((link.a, link.b)): 0.5 for link in resolve(made).links}
    names = {node.id: node.name for node in resolve(made).nodes}
    found = picture(made, {frozenset(names[end] for end in ends): share for ends, share in used.items()})
    content = drawn(found, suffix).content
    assert content.startswith({".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}[suffix])
    assert drawn(picture(made, {}), suffix).content != content
    assert drawn(found, suffix).content == content


def test_labels_are_text_in_svg(tmp_path: Path) -> None:
    content, notices = drawn(picture(scenario(tmp_path)), ".svg")
    text = content.decode()
    assert "東京 $x$" in text
    assert "Łódź" in text
    assert notices == ()
    _, notices = drawn(picture(scenario(tmp_path)), ".png")
    assert notices == ("the font lacks letters of some labels: .svg leaves them to who shows it",)


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"\.gif is no format of drawings; .*\.svg, \.png or \.pdf"):
        drawn(picture(scenario(tmp_path)), ".gif")


def test_who_has_no_matplotlib_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PrerequisiteError, match=r"pip install 'nextmini\[plot\]'"):
        drawn(picture(scenario(tmp_path)), ".svg")


def result(*stats: tuple[str, str, int]) -> dict[str, Any]:
    entries = [{"from": one, "to": other, "bytes": count} for one, other, count in stats]
    return {"seconds": 2.0, "link_stats": entries}


def test_the_busier_direction_counts() -> None:
    network = resolve(loads(RING))
    found = shares(result(("n1", "n2", 250_000), ("n2", "n1", 500_000), ("n1", "n9", 7)), network)
    # 500 kB in 2 s are 2 Mbit/s, of 10.
    assert found == {frozenset(("n1", "n2")): pytest.approx(0.2)}


RING = """
experiment = { name = "ring" }
topology = { kind = "ring", nodes = 3, link = { rate = "10 Mbit/s" } }
"""


def test_a_run_folder_says_what_links_carried(tmp_path: Path) -> None:
    network = resolve(loads(RING))
    with pytest.raises(RunFolderError, match="cannot be read: No such file"):
        utilisation(tmp_path, network)
    (tmp_path / "scenario.toml").write_text(dump(network))
    (tmp_path / "result.json").write_text(json.dumps(result(("n1", "n2", 250_000))))
    assert utilisation(tmp_path, network) == {frozenset(("n1", "n2")): pytest.approx(0.1)}
    other = resolve(loads(RING.replace("nodes = 3", 'nodes = ["a", "b", "c"]')))
    with pytest.raises(RunFolderError, match="has none of these links"):
        utilisation(tmp_path, other)
