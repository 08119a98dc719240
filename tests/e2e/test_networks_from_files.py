"""Networks from files of topologies run, and something gets from every node to every other."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from graph_files import SUFFIXES, WRITERS, Stroke, random_sketch
from program import Program, assert_complete

from nextmini.experiment import RunOptions, run_scenario
from nextmini.scenario import load, resolve
from nextmini.scenario.loading import load_topology

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENDS = 20
BY_COMMAND = 8
"""So many are run by the command; the others here, several at the same time, which takes a fifth of that."""
TOGETHER = 7
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


def write(program: Program, seed: int, format: str, nodes: int, parts: int) -> tuple[str, int]:
    """A scenario with a flow of 1 kB for every pair of up to 20 random nodes of the largest part.

    In two of three files there is a link from a node to itself, whose number is returned, and one twice.
    """
    clean = random_sketch(seed, nodes * parts, parts)
    more = [Stroke(clean.dots[0].id, clean.dots[0].id, 10), clean.strokes[0]] if seed % 3 else []
    sketch = replace(clean, strokes=[*clean.strokes, *more])
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
    return program.write(json.dumps(scenario), f"graph{seed}-scenario.json"), len(more) // 2


def assert_all_reached(document: dict[str, Any], nodes: int) -> None:
    ends = min(ENDS, nodes)
    assert_complete(document, ends * (ends - 1))
    assert document["nodes"] == nodes


@pytest.mark.parametrize(("seed", "format", "nodes", "parts"), cases()[:BY_COMMAND])
def test_every_node_of_a_file_reaches_every_other(
    running: Program, seed: int, format: str, nodes: int, parts: int
) -> None:
    scenario, loops = write(running, seed, format, nodes, parts)
    done = running.run("run", scenario, "--json")
    assert done.code == 0, done.err
    assert_all_reached(done.document, nodes)
    assert done.err.count("note: topology: left out: 1 link from a node to itself") == loops


@pytest.mark.parametrize("first", range(BY_COMMAND, len(cases()), TOGETHER))
@pytest.mark.asyncio
async def test_networks_of_many_files_run_at_the_same_time(running: Program, first: int) -> None:
    options = RunOptions(runs_dir=running.work / "runs", state_dir=running.state, export=False)

    async def run(seed: int, format: str, nodes: int, parts: int) -> None:
        scenario = load(running.work / write(running, seed, format, nodes, parts)[0])
        outcome = await run_scenario(scenario, options)
        assert_all_reached(outcome.document, nodes)

    async with asyncio.TaskGroup() as group:
        for case in cases()[first : first + TOGETHER]:
            group.create_task(run(*case), name=str(case))


def test_a_run_is_drawn_on_its_topology(running: Program, tmp_path: Path) -> None:
    copied = running.run("example", "copy", "te-abilene")
    assert copied.out.splitlines() == ["te-abilene.toml", "topologies/abilene.graphml"]
    done = running.run("run", "te-abilene.toml", "--runs-dir", str(tmp_path), "--json")
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
