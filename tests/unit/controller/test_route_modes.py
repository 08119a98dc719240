"""When routes are computed, and by which metric."""

from __future__ import annotations

from typing import Any

import pytest
from scenario_texts import link, nodes

from nextmini.controller.routing import pairs_ahead
from nextmini.scenario.network import MOST_PROACTIVE, Routing

from . import rows

pytestmark = pytest.mark.timeout(60)

# Over b it is near and narrow, over c far and wide; directly it costs most.
TRIANGLES = (
    nodes("abcd")
    + link("ab", 'rate = "1 Mbit/s"')
    + link("bd", 'rate = "1 Mbit/s"', "cost = 1.5")
    + link("ac", 'delay = "5 ms"')
    + link("cd")
    + link("ad", 'rate = "1 Mbit/s"', 'delay = "5 ms"', "cost = 9")
)
TRIANGLES += """
[[flows]]
name = "f"
source = "a"
destination = "d"
size = "1 kB"
"""


def test_who_gets_a_route_before_asking() -> None:
    view = rows.view(rows.node(1), rows.node(2), rows.node(3), rows.flow(1, 1, 3))
    assert pairs_ahead("reactive", view) == set()
    assert pairs_ahead("auto", view) == {(1, 3)}
    assert pairs_ahead("proactive", view) == {(a, b) for a in (1, 2, 3) for b in (1, 2, 3) if a != b}
    rows.put(view, *(rows.node(id) for id in range(4, MOST_PROACTIVE + 2)))
    assert pairs_ahead("proactive", view) == set(), "a network that has grown is served on demand"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("metric", "path"),
    [("cost", [1, 3, 4]), ("hops", [1, 4]), ("delay", [1, 2, 4]), ("inverse_capacity", [1, 3, 4])],
)
async def test_routes_of_flows_are_there_before_any_process(lab: Any, metric: Any, path: list[int]) -> None:
    async with lab(TRIANGLES, routing=Routing(metric=metric)) as made:
        await made.until_rows("SELECT path FROM routes ORDER BY id", [(path,), (path[::-1],)])


@pytest.mark.asyncio
async def test_routes_between_all_are_there_before_flows_begin(lab: Any) -> None:
    async with lab(TRIANGLES, routing=Routing(mode="proactive")) as made:
        await made.connect(0)
        await made.controller.until_started()
        installed = "SELECT count(*) FROM routes JOIN route_state ON route = id WHERE status = 'installed'"
        await made.until_rows(installed, [(12,)])
