"""A figure of the paper as one makes it, as small as it can be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "bench.figures.fig04_processors")
KEYS = {"figure", "title", "command", "date", "machine", "seconds", "repeat", "quick", "panels", "rows"}


def test_a_figure_is_measured_drawn_and_printed(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "--quick", "--seconds", "0.1", "--output", str(tmp_path / "results")],
        cwd=ROOT,
        env=os.environ | {"NEXTMINI_STATE": str(tmp_path / "state"), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["fig04.json", "fig04.png"]
    made = json.loads((tmp_path / "results" / "fig04.json").read_text())
    assert made.keys() >= KEYS
    assert made["command"] == "python -m bench.figures.fig04_processors --quick --seconds 0.1"
    places = {(row["panel"], row["series"], row["x"]) for row in made["rows"]}
    assert places == {
        (kind, flows, processors)
        for kind in ("lossless", "tcp")
        for flows in ("1 flow", "4 flows")
        for processors in (1, 2)
    }
    for row in made["rows"]:
        assert row["gbps"] > 0
        assert row["spread"]["gbps"] == [row["gbps"], row["gbps"]]
        assert row["origin"] == "ours"
    assert "|  | processors of each node | 1 | 2 |" in done.stdout
    assert "repetition 1 of 1: 4 flows at 2" in done.stderr
    assert list(tmp_path.glob("nextmini-bench-*")) == []
