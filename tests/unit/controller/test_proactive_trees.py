"""The controller with trees: who is told what and when, and who gets a route of its own all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nextmini.controller import Controller, Settings
from nextmini.controller.events import Journal
from nextmini.controller.forests import FIRST_WAY
from nextmini.protocol import Apply, FlowChange, FlowState, NoRoutes, RoutesWanted
from nextmini.scenario.network import Routing
from nextmini.store import Store

from .fake_dataplane import FOREVER

if TYPE_CHECKING:
    from .fake_dataplane import FakeDataplane

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

TREES = Routing(mode="proactive")
# 1 - 2 - 3 - 4 - 1, and 5 apart; the link between 4 and 1 is the last one.
RING = f"""
processes = 2
[[nodes]]
name = "a"
[[nodes]]
name = "b"
[[nodes]]
name = "c"
[[nodes]]
name = "d"
[[nodes]]
name = "e"
[[links]]
ends = ["a", "b"]
[[links]]
ends = ["b", "c"]
[[links]]
ends = ["c", "d"]
[[links]]
ends = ["d", "a"]
[[flows]]
name = "f"
source = "a"
destination = "d"
size = "{FOREVER} B"
"""
MAX_FLOW = """
[[flows]]
name = "m"
source = "b"
destination = "d"
size = "5 kB"
mode = "max"
"""


async def started(made: Any) -> list[FakeDataplane]:
    fakes: list[FakeDataplane] = await made.connect(0, 1)
    await made.controller.until_started()
    return fakes


def hosted(controller: Controller, process: int) -> set[int]:
    return set(controller.view.nodes_of_process(process))


async def test_every_process_has_the_rows_of_its_nodes_before_flows_are_handed_out(lab: Any) -> None:
    async with lab(RING, routing=TREES) as made:
        fakes = await started(made)
        for process, fake in enumerate(fakes):
            assert fake.forest == 0
            assert fake.forests[0] == hosted(made.controller, process)
        assert await made.rows("SELECT count(*) FROM routes") == [(0,)]
        source = fakes[made.controller.view.nodes[1].process]
        (taken,) = [n for n, apply in enumerate(source.applies) if apply.forest is not None]
        flows = [n for n, apply in enumerate(source.applies) if apply.flows]
        assert taken < min(flows)


async def test_another_forest_is_known_everywhere_before_it_is_taken_and_the_old_one_lingers(
    lab: Any,
) -> None:
    async with lab(RING, routing=TREES) as made:
        fakes = await started(made)
        before = [len(fake.applies) for fake in fakes]
        fakes[1].confirming.clear()
        await made.sql.execute("DELETE FROM links WHERE id = 4")
        await fakes[0].until(lambda: 1 in fakes[0].forests)
        assert [fake.forest for fake in fakes] == [0, 0], "one of them has not confirmed it"
        fakes[1].confirming.set()
        for fake in fakes:
            await fake.until(lambda fake=fake: 0 not in fake.forests)
        for fake, first in zip(fakes, before, strict=True):
            news = fake.applies[first:]
            order = [when(news, what) for what in ("forest_rows", "forest", "remove_forests")]
            assert order == sorted(order)
            assert len(set(order)) == 3
            if any(apply.remove_links for apply in news):
                assert when(news, "forest") < when(news, "remove_links"), "nobody sends over a link that goes"


def when(applies: list[Apply], what: str) -> int:
    """Which of these is the first one that says something of that."""
    return next(n for n, apply in enumerate(applies) if getattr(apply, what) not in ((), None))


async def test_a_link_that_a_process_cannot_have_is_in_no_tree(lab: Any) -> None:
    async with lab(RING, routing=TREES, strict=False) as made:
        fakes = [made.process(index) for index in (0, 1)]
        for fake in fakes:
            fake.reject["link", 4] = "no cable"
            await fake.start()
        for fake in fakes:
            await fake.until(lambda fake=fake: fake.forest == 1)
        assert made.controller.view.links.keys() == {1, 2, 3, 4}
        way = FIRST_WAY + (1 << 20) + 3
        source = fakes[made.controller.view.nodes[1].process]
        await source.say(FlowState((FlowChange(1, "source", "running", 0, 0.0, 0, 0, None, way),)))
        await made.until_rows("SELECT status FROM flow_state", [("running",)])
        assert made.controller.flows.flows[1].path == (1, 2, 3, 4)


async def test_what_nobody_can_reach_is_said_and_what_trees_reach_is_not_asked_for(lab: Any) -> None:
    async with lab(RING, routing=TREES) as made:
        fakes = await started(made)
        await fakes[0].say(RoutesWanted(((1, 3), (1, 5))))

        def answers() -> list[NoRoutes]:
            return [message for message in fakes[0].received if isinstance(message, NoRoutes)]

        await fakes[0].until(answers)
        assert [message.pairs for message in answers()] == [((1, 5),)]
        assert await made.rows("SELECT count(*) FROM routes") == [(0,)]


async def test_flows_in_max_mode_and_who_asks_for_a_path_get_routes(lab: Any) -> None:
    async with lab(RING + MAX_FLOW, routing=TREES) as made:
        fakes = await started(made)
        paths = "SELECT path FROM routes ORDER BY id"
        ((path,), (back,)) = await made.rows(paths)
        assert (path[0], path[-1], len(path), back) == (2, 4, 3, path[::-1])
        await fakes[0].say(RoutesWanted((), ((1, 3),)))
        await made.until_rows("SELECT count(*) FROM routes", [(4,)])
        assert (await made.rows(paths))[2][0][::2] == [1, 3]


async def test_a_flow_along_a_tree_has_a_path_and_no_route(lab: Any) -> None:
    async with lab(RING, routing=TREES) as made:
        fakes = await started(made)
        source = fakes[made.controller.view.nodes[1].process]
        # To the fourth of the nodes, along the forest with the number 0.
        way = FIRST_WAY + 3
        await source.say(FlowState((FlowChange(1, "source", "running", 0, 0.0, 0, 0, None, way),)))
        await made.until_rows("SELECT status, route FROM flow_state", [("running", None)])
        assert made.controller.flows.flows[1].path == (1, 4)


async def test_a_controller_that_goes_on_takes_another_number_and_rids_processes_of_the_old_one(
    lab: Any, dsn: str, experiment: str
) -> None:
    async with lab(RING, routing=TREES) as made:
        await started(made)
        await made.controller.close()
        settings = Settings(
            *(experiment, "run-1", 7, "127.0.0.1:0", 0.05, 3600.0, 2, "secret", "ab" * 32), routing=TREES
        )
        async with await Store.open(dsn, experiment) as store:
            controller = Controller(store, settings)
            await controller.resume(None, Journal())
            await controller.listen()
            made.controller = controller
            fakes = [made.process(index) for index in (0, 1)]
            for fake in fakes:
                fake.claims, fake.forests, fake.forest = (0,), {0: set()}, 0
                await fake.start()
            for process, fake in enumerate(fakes):
                await fake.until(lambda fake=fake: 0 not in fake.forests)
                assert fake.forest is not None
                assert fake.forests[fake.forest] == hosted(controller, process)
                assert all(row.forest != 0 for apply in fake.applies for row in apply.forest_rows)
            await controller.close()
