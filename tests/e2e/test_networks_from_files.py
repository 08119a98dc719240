"""Networks from files of topologies run, and something gets from every node to every other."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from graph_files import SUFFIXES, WRITERS, Stroke, random_sketch
from program import Program, assert_complete

from nextmini.scenario import resolve
from nextmini.scenario.loading import load_topology

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from graph_files import Sketch

ENDS = 20
USUAL = 8
"""Files of the usual test run; the others take minutes."""
SIZES = (5, 20, 24, 33, 48, 60, 100, 375)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program whose database server stays, since a network without flows is up all the while."""
    program = Program(tmp_path_factory.mktemp("topologies"))
    program.write('experiment = { name = "idle" }\ntopology = { kind = "line", nodes = 2 }\n', "idle.toml")
    done = program.run("up", "idle.toml")
    assert done.code == 0, done.err
    yield program
    assert program.run("down", "--all").code == 0


def cases() -> list[tuple[int, str, int, int]]:
    """A seed, a format, how many nodes each part has, and how many parts there are."""
    formats = list(WRITERS)
    sizes = [*SIZES, *range(20, 62)]
    return [(seed, formats[seed % len(formats)], size, 1 + seed % 2) for seed, size in enumerate(sizes)]


def write(program: Program, seed: int, format: str, sketch: Sketch) -> str:
    """A scenario with a flow of 1 kB for every pair of up to 20 random nodes of the largest part."""
    file = program.write(WRITERS[format](sketch), f"graph{seed}.{SUFFIXES[format]}")
    # Over real distances most of the time would be waiting.
    said = {"largest": True, "parallel": "merge", "distances": False, "link": {"delay": "10 us"}}
    names = [node.name for node in resolve(load_topology(program.work / file, said)).nodes]
    ends = random.Random(seed).sample(names, min(ENDS, len(names)))
    pairs = [(one, other) for one in ends for other in ends if one != other]
    scenario = {
        "experiment": {"name": f"graph{seed}"},
        "topology": {"kind": "file", "path": file, **said},
        "flows": [{"source": one, "destination": other, "size": "1 kB"} for one, other in pairs],
    }
    return program.write(json.dumps(scenario), f"graph{seed}-scenario.json")


@pytest.mark.parametrize(
    ("seed", "format", "nodes", "parts"),
    [pytest.param(*case, marks=[] if case[0] < USUAL else [pytest.mark.long]) for case in cases()],
)
def test_every_node_of_a_file_reaches_every_other(
    running: Program, seed: int, format: str, nodes: int, parts: int
) -> None:
    clean = random_sketch(seed, nodes * parts, parts)
    # A link from a node to itself, and one that is there twice.
    more = [Stroke(clean.dots[0].id, clean.dots[0].id, 10), clean.strokes[0]] if seed % 3 else []
    sketch = replace(clean, strokes=[*clean.strokes, *more])
    done = running.run("run", write(running, seed, format, sketch), "--json")
    assert done.code == 0, done.err
    ends = min(ENDS, nodes)
    assert_complete(done.document, ends * (ends - 1))
    assert done.document["nodes"] == nodes
    assert done.err.count("note: topology: left out: 1 link from a node to itself") == len(more) // 2


def test_a_run_is_drawn_on_its_topology(running: Program, tmp_path: Path) -> None:
    copied = running.run("example", "copy", "abilene")
    assert copied.out.splitlines() == ["abilene.toml", "topologies/abilene.graphml"]
    done = running.run("run", "abilene.toml", "--runs-dir", str(tmp_path), "--json")
    assert done.code == 0, done.err
    drawn = running.run(
        "topology",
        "draw",
        "topologies/abilene.graphml",
        "-o",
        "abilene.svg",
        "--run",
        done.document["folder"],
    )
    assert (drawn.code, drawn.out, drawn.err) == (0, "abilene.svg\n", "")
    text = (running.work / "abilene.svg").read_text()
    assert "Utilisation of the busier direction" in text
    assert "Kansas City" in text
