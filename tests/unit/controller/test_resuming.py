"""A controller that goes on for one that was killed, with processes that come back one after the other."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.controller import Controller, Settings
from nextmini.controller.events import Journal
from nextmini.protocol import FlowChange, FlowState
from nextmini.store import Store

from .fake_dataplane import CHECKSUM, FOREVER, FakeDataplane

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nextmini.protocol.records import FlowEnd

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

LINE = f"""
processes = 2
[topology]
kind = "line"
nodes = 4
[[routes]]
path = ["n1", "n2", "n3", "n4"]
[[routes]]
path = ["n2", "n3"]
[[flows]]
name = "ended"
source = "n1"
destination = "n4"
size = "7 kB"
[[flows]]
name = "running"
source = "n1"
destination = "n4"
size = "{FOREVER} B"
[[flows]]
name = "removed"
source = "n2"
destination = "n3"
size = "{FOREVER} B"
"""
STATES = "SELECT status FROM flow_state ORDER BY flow"


@asynccontextmanager
async def another(dsn: str, experiment: str, aliases: int | None = None) -> AsyncIterator[Controller]:
    settings = Settings(experiment, "run-1", 7, "127.0.0.1:0", 0.05, 3600.0, 2, "secret", "ab" * 32)
    async with await Store.open(dsn, experiment) as store:
        controller = Controller(store, settings)
        await controller.resume(aliases, Journal())
        await controller.listen()
        try:
            yield controller
        finally:
            await controller.close()


def removed(fake: FakeDataplane) -> dict[str, set[int]]:
    """All that a process was told to remove."""
    kinds = ("nodes", "links", "routes", "flows")
    return {kind: {id for one in fake.applies for id in getattr(one, f"remove_{kind}")} for kind in kinds}


async def test_what_is_desired_goes_on_and_only_what_is_not_is_taken_away(
    lab: Any, dsn: str, experiment: str
) -> None:
    async with lab(LINE) as made:
        await made.connect(0, 1)
        await made.until_rows(STATES, [("completed",), ("running",), ("running",)])
        (before,) = await made.rows("SELECT max(generation) FROM route_state")
        await made.controller.close()
        await made.sql.execute("DELETE FROM flows WHERE name = 'removed'")
        await made.sql.execute("DELETE FROM routes WHERE id = 2")
        async with another(dsn, experiment) as controller:
            flows = {it.flow.name: (it.status, it.bytes) for it in controller.flows.flows.values()}
            assert flows == {"ended": ("completed", 7000), "running": ("running", 0)}
            fakes = [FakeDataplane(controller.url, "secret", index) for index in (0, 1)]
            for fake in fakes:
                await fake.start()
            await fakes[0].until(lambda: 2 in fakes[0].flows and removed(fakes[0])["flows"])
            for fake in fakes:
                await fake.until(lambda fake=fake: removed(fake)["routes"])
            for fake in fakes:
                gone = removed(fake)
                assert (gone["nodes"], gone["links"], gone["routes"]) == (set(), set(), {2})
            assert removed(fakes[0])["flows"] == {3}
            assert 1 not in fakes[0].flows
            assert min(apply.generation for fake in fakes for apply in fake.applies) > before[0]
            for fake in fakes:
                await fake.close()


async def test_a_flow_that_ended_without_a_controller_is_known_as_ended(
    lab: Any, dsn: str, experiment: str
) -> None:
    async with lab(LINE) as made:
        await made.connect(0, 1)
        await made.until_rows(STATES, [("completed",), ("running",), ("running",)])
        await made.controller.close()
        async with another(dsn, experiment) as controller:
            ends: tuple[FlowEnd, ...] = ("source", "sink")
            for index, end in enumerate(ends):
                fake = FakeDataplane(controller.url, "secret", index)
                made.processes.append(fake)
                await fake.open()
                await fake.say(FlowState((FlowChange(2, end, "completed", 99, 1.0, 0, 0, CHECKSUM, 1),)))
            await made.until_rows(STATES, [("completed",), ("completed",), ("running",)])
            assert await made.rows("SELECT bytes, checksum_sink FROM flow_state WHERE flow = 2") == [
                (99, CHECKSUM)
            ]
            assert controller.flows.flows[2].path == (1, 2, 3, 4)


async def test_further_numbers_of_routes_are_taken_away_once_their_own_are_in_force(
    lab: Any, dsn: str, experiment: str
) -> None:
    kept: list[int] = []
    async with lab(LINE, keep_numbers=kept.append) as made:
        (fake, _) = await made.connect(0, 1)
        await made.until_rows(STATES, [("completed",), ("running",), ("running",)])
        await made.sql.execute("UPDATE routes SET path = '{2,1}' WHERE id = 2")
        await fake.until(lambda: any(route > 1000 for route in fake.routes))
        alias = max(fake.routes)
        await made.controller.close()
        async with another(dsn, experiment, kept[-1]) as controller:
            again = FakeDataplane(controller.url, "secret", 0)
            await again.start()
            await again.until(lambda: alias in removed(again)["routes"])
            assert max(again.routes) < 1000
            assert again.routes[2].path == (2, 1)
            await again.close()
