"""What was to be reached, against what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bench.figures import targets as module
from bench.figures.__main__ import FIGURES
from bench.figures.document import DocumentError, Origin, Row
from bench.figures.targets import Target, Which, state, table, targets, verdict
from figure_documents import document

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    Row("tcp", "lossless", 1, Origin.OURS, {"ratio": [1.1], "gbps": [20.0]}),
    Row("tcp", "lossless", 10, Origin.OURS, {"ratio": [0.76], "gbps": [5.0]}),
    Row("tcp", "lossless", 30, Origin.OURS, {"ratio": [0.1], "gbps": [1.0]}),
    Row("tcp", "Mininet", 1, Origin.PEER, {"gbps": [40.0]}),
    Row("tcp", "Mininet", 10, Origin.PEER, {"gbps": [2.0]}),
    Row("tcp", "socat", 1, Origin.PEER, reason="there is no program socat"),
]
OURS = Which("tcp", "lossless", least_x=1, most_x=10)


def target(**said: object) -> Target:
    usual: dict[str, object] = {"what": "w", "target": "t", "bound": "b", "figure": "fig05", "rows": OURS}
    return Target(**(usual | said))  # type: ignore[arg-type]


def test_the_worst_place_counts() -> None:
    found = verdict(target(value="ratio", least=0.95), {"fig05": document(ROWS)})
    assert (found.measured, found.at, state(found)) == (0.76, 10, "0.80 of it")
    assert not found.met
    assert verdict(target(value="ratio", least=0.76), {"fig05": document(ROWS)}).met


def test_what_may_be_at_most_so_much_is_met_below_it() -> None:
    found = verdict(target(value="gbps", most=40.0), {"fig05": document(ROWS)})
    assert (found.measured, found.at, state(found)) == (20.0, 1, "met")
    assert state(verdict(target(value="gbps", most=10.0), {"fig05": document(ROWS)})) == "0.50 of it"


def test_rows_are_compared_at_the_same_place_or_with_one_row() -> None:
    by = verdict(target(value="gbps", least=1.0, by=Which("tcp", "Mininet")), {"fig05": document(ROWS)})
    assert (by.measured, by.at) == (0.5, 1)
    one = Which("tcp", "lossless", at=1)
    by_one = verdict(
        target(value="gbps", least=0.9, by_one=one, rows=Which("tcp", "lossless", at=30)),
        {"fig05": document(ROWS)},
    )
    assert (by_one.measured, by_one.at) == (0.05, 30)


def test_what_is_not_measured_says_why() -> None:
    documents = {"fig05": document(ROWS)}
    assert verdict(target(value="gbps", least=1.0), {}).reason == "fig05 is not there"
    socat = target(value="gbps", least=1.0, rows=Which("tcp", "socat"))
    assert verdict(socat, documents).reason == "there is no program socat"
    elsewhere = verdict(target(figure=None, rows=None), documents)
    assert (elsewhere.reason, state(elsewhere)) == ("not measured here", "-")


def test_a_table_says_what_bounds_targets_that_are_missed() -> None:
    documents = {"fig05": document(ROWS)}
    missed, met = (verdict(target(value="ratio", least=least), documents) for least in (0.95, 0.5))
    lines = table([missed, met]).splitlines()[2:]
    command = "`python -m bench.figures.fig05_paths`"
    assert lines[0] == f"| w | t | 0.76 (at 10) | 0.80 of it | {command} | b |"
    assert lines[1] == f"| w | t | 0.76 (at 10) | met | {command} |  |"


def test_each_target_is_about_a_panel_that_a_figure_has() -> None:
    panels = {figure.name: {panel.key: panel for panel in figure.panels} for figure in FIGURES}
    for one in targets():
        assert one.bound.strip(), one.what
        if one.figure is not None:
            for which in filter(None, (one.rows, one.by, one.by_one)):
                panel = panels[one.figure][which.panel]
                assert one.value in (panel.value, *panel.columns), one.what


@pytest.mark.parametrize("said", [{"figure": "fig05"}, {"figure": "fig05", "least": 1, "most": 1}])
def test_a_target_that_cannot_be_judged_is_refused(
    said: dict[str, object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "targets.toml"
    lines = "".join(f"{key} = {value!r}\n" for key, value in said.items())
    path.write_text(f'[[targets]]\nwhat = "w"\ntarget = "t"\nbound = "b"\n{lines}')
    monkeypatch.setattr(module, "FILE", path)
    with pytest.raises(DocumentError, match="one of least and most"):
        targets()
