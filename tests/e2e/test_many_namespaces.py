"""Rings of nodes with namespaces: started, pinged, changed while flows run, and gone without a trace."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from labs import sql, until_rows
from program import CONFIGS, assert_complete

if TYPE_CHECKING:
    from program import Done, Program

SCENARIO = CONFIGS / "ring-10000.toml"
LONG_SECONDS = 1_500.0
"""A machine may have other things to do."""


def said(program: Program, *words: str) -> Done:
    """What a command printed, which has to succeed."""
    done = program.run(*words)
    assert done.code == 0, done
    return done


def pinged(program: Program, *words: str) -> tuple[int, int]:
    """How many pairs there were, and how many had an answer."""
    outcomes = json.loads(program.run("ping", *words, "--wait", "60", "--json").out)
    return len(outcomes), sum(one["received"] for one in outcomes)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("nodes", "pairs"),
    [
        (100, 50),
        pytest.param(10_000, 1_000, marks=[pytest.mark.long, pytest.mark.timeout(2 * LONG_SECONDS)]),
    ],
)
async def test_a_ring_is_pinged_changed_and_gone(program: Program, nodes: int, pairs: int) -> None:
    program.patience = LONG_SECONDS
    text = SCENARIO.read_text().replace("nodes = 10000", f"nodes = {nodes}")
    name = f"{program.own}ring"
    file = program.write(text.replace("count = 1000", f"count = {pairs}"))
    said(program, "up", file, "--name", name)
    assert len(program.namespaces()) == nodes
    assert pinged(program, "--random", str(pairs)) == (pairs, pairs)
    states = "SELECT status, count(*) FROM flow_state GROUP BY status"
    async with sql(program, name) as connection:
        await until_rows(connection, states, lambda rows: rows == [("completed", pairs)], LONG_SECONDS)
    said(program, "link", "n1", "n2", "down")
    assert program.run("ping", "n1", "n2", "-c", "1").code == 1
    said(program, "link", "n1", "n2", "up")
    assert pinged(program, "n1", "n2", "-c", "1") == (1, 1)
    said(program, "link", "n1", "n2", "set", "delay=20 ms")
    (slow,) = json.loads(said(program, "ping", "n1", "n2", "-c", "1", "--json").out)
    assert slow["seconds"]["least"] >= 0.04
    done = said(program, "down", "--json")
    document = done.document
    assert len(document["flows"]) == pairs
    assert_complete(document, pairs, {"down", "no_route"})
    # What processes say last is there, however much is said to them at that moment.
    assert document["fidelity"]["timer_us"] is not None
    nothing_left(program)


def nothing_left(program: Program) -> None:
    left = program.left_behind()
    assert (left["namespaces"], left["processes"], left["mounts"], left["interfaces"]) == ([], [], [], [])
    assert "nothing to clean up" in said(program, "cleanup").err


def test_pairs_by_chance_are_the_same_for_a_seed(program: Program) -> None:
    text = SCENARIO.read_text().replace("nodes = 10000", "nodes = 8")
    said(program, "up", program.write(text.replace("count = 1000", "count = 1")), "--name", f"{program.own}p")

    def drawn(*words: str) -> list[tuple[str, str]]:
        outcomes = json.loads(said(program, "ping", "--random", "5", "--json", *words).out)
        return [(one["from"], one["to"]) for one in outcomes]

    first = drawn()
    assert first == drawn()
    assert first != drawn("--seed", "2")
    assert all(a != b for a, b in first)
    assert program.run("ping", "--random", "5", "--all").code == 2
    assert program.run("ping", "--random", "5", "n1", "n2").code == 2
    said(program, "down")
    nothing_left(program)
