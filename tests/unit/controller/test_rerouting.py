"""The controller moves computed routes away from what has died, and back, whoever says that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scenario_texts import link, links, nodes

from nextmini.protocol import LinkChange, LinkState, NodeFailed, RoutesWanted
from nextmini.scenario.network import Routing

from .fake_dataplane import FOREVER

if TYPE_CHECKING:
    from .fake_dataplane import FakeDataplane

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

# 1 - 2 - 4 is the best way, 1 - 3 - 4 the other one; 5 hangs on 2. Each node has a process.
DIAMOND = "processes = 5\n" + nodes("abcde") + links("ab", "bd") + link("ac", "cost = 2") + links("cd", "be")
FLOW = """
[[flows]]
name = "{source}{destination}"
source = "{source}"
destination = "{destination}"
size = "{size} B"
mode = "{mode}"
"""
HEALING = Routing(reroute="fast")
BEST, OTHER = (1, 2, 4), (1, 3, 4)


def flow(source: str, destination: str, size: int = FOREVER, mode: str = "normal") -> str:
    return FLOW.format(source=source, destination=destination, size=size, mode=mode)


async def started(made: Any) -> list[FakeDataplane]:
    """All processes, when flows run and their routes are in force."""
    fakes: list[FakeDataplane] = await made.connect(0, 1, 2, 3, 4)
    await made.controller.until_started()
    return fakes


async def until_path(made: Any, *path: int) -> None:
    """Waits until the pair has this path alone, at the process of its source and in the rows, both ways."""
    source = made.processes[path[0] - 1]
    pair = (path[0], path[-1])

    def paths() -> list[tuple[int, ...]]:
        return [route.path for route in source.routes.values() if (route.path[0], route.path[-1]) == pair]

    await source.until(lambda: paths() == [path])
    there, back = list(path), list(path[::-1])
    ends = f"path[1] IN ({pair[0]}, {pair[1]}) AND path[array_length(path, 1)] IN ({pair[0]}, {pair[1]})"
    query = f"SELECT path FROM routes WHERE origin = 'computed' AND {ends} ORDER BY path"
    assert await made.rows(query) == sorted([(there,), (back,)])


async def test_rows_that_are_down_move_routes_and_rows_that_are_up_bring_them_back(lab: Any) -> None:
    async with lab(DIAMOND + flow("a", "d"), routing=HEALING) as made:
        await started(made)
        await until_path(made, *BEST)
        await made.sql.execute("UPDATE links SET up = false WHERE id = 2")
        await until_path(made, *OTHER)
        await made.sql.execute("UPDATE links SET up = true WHERE id = 2")
        await until_path(made, *BEST)
        await made.sql.execute("UPDATE nodes SET up = false WHERE id = 2")
        await until_path(made, *OTHER)
        await made.sql.execute("UPDATE nodes SET up = true WHERE id = 2")
        await until_path(made, *BEST)
        assert made.controller.flows.flows[1].status == "running"


async def test_links_that_processes_report_move_routes_too(lab: Any) -> None:
    async with lab(DIAMOND + flow("a", "d"), routing=HEALING) as made:
        fakes = await started(made)
        await fakes[3].say(LinkState((LinkChange(2, "down", "reset"),)))
        await until_path(made, *OTHER)
        await fakes[3].say(LinkState((LinkChange(2, "up"),)))
        await until_path(made, *BEST)


async def test_a_process_that_is_lost_is_gone_around_until_it_is_back(lab: Any) -> None:
    async with lab(DIAMOND + flow("a", "d"), routing=HEALING) as made:
        fakes = await started(made)
        await fakes[1].close()
        await until_path(made, *OTHER)
        await made.connect(1)
        await until_path(made, *BEST)


async def test_flows_that_only_pass_what_is_gone_for_good_go_on_if_there_is_another_way(lab: Any) -> None:
    flows = flow("a", "d") + flow("a", "e") + flow("b", "a")
    async with lab(DIAMOND + flows, routing=HEALING) as made:
        await started(made)
        made.controller.process_died(1, "dataplane process 1 was killed by SIGKILL")
        await until_path(made, *OTHER)
        await made.until_rows(
            "SELECT flow, status FROM flow_state ORDER BY 1", [(1, "running"), (2, "failed"), (3, "failed")]
        )


async def test_a_node_that_fails_is_gone_around(lab: Any) -> None:
    async with lab(DIAMOND + flow("a", "d") + flow("a", "e"), routing=HEALING) as made:
        fakes = await started(made)
        await fakes[1].say(NodeFailed(2, "told to panic"))
        await until_path(made, *OTHER)
        await made.until_rows(
            "SELECT flow, status FROM flow_state ORDER BY 1", [(1, "running"), (2, "failed")]
        )


async def test_a_pair_that_asks_later_is_led_around_and_onto_its_best_path_when_that_works(lab: Any) -> None:
    async with lab(DIAMOND + flow("a", "b"), routing=HEALING) as made:
        fakes = await started(made)
        await made.sql.execute("UPDATE links SET up = false WHERE id = 2")
        await fakes[0].say(RoutesWanted(((1, 4), (3, 5))))
        await until_path(made, *OTHER)
        # There is only one way from c to e: it is a route, and what takes it waits.
        await made.sql.execute("UPDATE links SET up = false WHERE id = 5")
        await fakes[1].until(lambda: not fakes[1].links[5].up)
        await fakes[3].say(RoutesWanted(((4, 5),)))
        await until_path(made, 4, 2, 5)
        await made.sql.execute("UPDATE links SET up = true WHERE id = 2")
        await until_path(made, *BEST)


async def test_without_rerouting_routes_stay_and_are_made_as_if_all_worked(lab: Any) -> None:
    async with lab(DIAMOND + flow("a", "d") + flow("c", "d")) as made:
        fakes = await started(made)
        await made.sql.execute("UPDATE links SET up = false WHERE id IN (2, 4)")
        await fakes[3].until(lambda: not fakes[3].links[2].up)
        await fakes[2].say(RoutesWanted(((2, 4),)))
        await until_path(made, 2, 4)
        await until_path(made, *BEST)


async def test_routes_that_somebody_wrote_stay(lab: Any) -> None:
    route = '[[routes]]\npath = ["a", "b", "d"]\nboth = false\n'
    async with lab(
        DIAMOND + route + flow("a", "d") + flow("d", "a") + flow("b", "c"), routing=HEALING
    ) as made:
        fakes = await started(made)
        await fakes[1].until(lambda: (2, 4, 3) in [route.path for route in fakes[1].routes.values()])
        # Until now the path of a computed route: whoever changes it has it.
        await made.sql.execute("UPDATE routes SET path = '{2,1,3}' WHERE path = '{2,4,3}'")
        await fakes[1].until(lambda: (2, 1, 3) in [route.path for route in fakes[1].routes.values()])
        await made.sql.execute("UPDATE links SET up = false WHERE id = 1")
        await fakes[3].until(lambda: (4, 3, 1) in [route.path for route in fakes[3].routes.values()])
        kept = await made.rows("SELECT path, origin FROM routes WHERE path[1] < 3 ORDER BY path")
        assert kept == [([1, 2, 4], "scenario"), ([2, 1, 3], "scenario")]


async def test_a_pair_with_a_flow_in_max_mode_stays_until_that_has_ended(lab: Any) -> None:
    async with lab(DIAMOND + flow("a", "d", mode="max") + flow("d", "a"), routing=HEALING) as made:
        fakes = await started(made)
        await made.sql.execute("UPDATE links SET up = false WHERE id = 2")
        await fakes[3].until(lambda: (4, 3, 1) in [route.path for route in fakes[3].routes.values()])
        assert BEST in [route.path for route in fakes[0].routes.values()]
        await made.sql.execute("DELETE FROM flows WHERE id = 1")
        await until_path(made, *OTHER)


async def test_a_link_that_is_added_helps_pairs_that_had_no_way(lab: Any) -> None:
    async with lab(DIAMOND + flow("a", "e"), routing=HEALING) as made:
        await started(made)
        await made.sql.execute("UPDATE links SET up = false WHERE id = 5")
        await made.sql.execute("INSERT INTO links (a, b, transport) VALUES (4, 5, 'tcp')")
        await until_path(made, 1, 2, 4, 5)
