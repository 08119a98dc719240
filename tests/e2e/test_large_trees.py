"""A thousand nodes with a way between any two of them, and no row for any pair."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from labs import sql, until_rows
from test_live import assert_nothing_left, until_nothing_runs, up

if TYPE_CHECKING:
    from program import Program

ROWS, COLUMNS = 25, 40
NODES = ROWS * COLUMNS
PAIRS = 100
# At that rate they take longer than anything that is done meanwhile.
FLOW = """
[[flows]]
name = "{name}"
source = "{source}"
destination = "{destination}"
size = "400 kB"
rate = "20 kbit/s"
"""
TORUS = f"""
[experiment]
name = "torus"
interval = "100 ms"
processes = 2
[topology]
kind = "torus"
dimensions = [{ROWS}, {COLUMNS}]
[routing]
mode = "proactive"
"""


def flows() -> str:
    """One over a single link, and others between nodes somewhere."""
    chance = random.Random(7)
    pairs = [chance.sample(range(1, NODES + 1), 2) for _ in range(PAIRS)]
    named = [("near", 1, 2), *((f"f{at}", *pair) for at, pair in enumerate(pairs))]
    return "".join(FLOW.format(name=n, source=f"n{a}", destination=f"n{b}") for n, a, b in named)


@pytest.mark.asyncio
async def test_flows_go_along_trees_and_move_with_them_without_loss(program: Program) -> None:
    up(program, TORUS + flows())
    async with sql(program, "torus") as connection:
        counts = "SELECT status, count(*) FROM flow_state GROUP BY status"
        await until_rows(connection, counts, lambda rows: rows == [("running", PAIRS + 1)])
        delivered = "SELECT count(*) FROM flow_metrics WHERE acknowledged > 0 GROUP BY flow"
        await until_rows(connection, delivered, lambda rows: len(rows) == PAIRS + 1)
        link = await connection.fetchval("DELETE FROM links WHERE (a, b) IN ((1, 2), (2, 1)) RETURNING id")
        state = f"SELECT status FROM link_state WHERE link = {link}"
        await until_rows(connection, state, lambda rows: rows == [])
        assert await connection.fetchval("SELECT count(*) FROM routes") == 0
        await connection.execute("UPDATE flows SET rate = 1000000000")
        await until_rows(connection, counts, lambda rows: rows == [("completed", PAIRS + 1)])
        assert await connection.fetchval("SELECT count(*) FROM routes") == 0
    done = program.run("down", "--json")
    assert done.code == 0, done.err
    ended = {flow["name"]: flow for flow in done.document["flows"]}
    assert {flow["bytes"] for flow in ended.values()} == {400_000}
    assert len(ended["near"]["route"]) == 4, "around the link that was removed"
    for flow in ended.values():
        assert (flow["route"][0], flow["route"][-1]) == (flow["source"], flow["destination"])
        assert not {("n1", "n2"), ("n2", "n1")} & set(zip(flow["route"], flow["route"][1:], strict=False))
    until_nothing_runs(program)
    assert_nothing_left(program)
