"""Pins, and changes of flows that run, between a real database and processes that confirm."""

from __future__ import annotations

from typing import Any

import pytest

from .fake_dataplane import FOREVER

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

RING = f"""
[topology]
kind = "ring"
nodes = 4
[[routes]]
path = ["n1", "n2", "n3"]
[[routes]]
path = ["n1", "n4", "n3"]
both = false
[[flows]]
name = "one"
source = "n1"
destination = "n3"
size = "{FOREVER} B"
"""
STATE = "SELECT status, reason FROM flow_state WHERE flow = 1"


async def test_a_pin_is_told_with_its_flow_and_follows_its_row(lab: Any) -> None:
    async with lab(RING) as made:
        (fake,) = await made.connect(0)
        await fake.until(lambda: 1 in fake.running)
        assert fake.flows[1].route is None
        await made.sql.execute("INSERT INTO flow_routes VALUES (1, 3)")
        await fake.until(lambda: fake.flows[1].route == 3)
        before = len(fake.applies)
        await made.sql.execute("UPDATE routes SET path = '{1,2,3}' WHERE id = 3")
        await fake.until(lambda: any(route.row == 3 for route in fake.routes.values()))
        # The row has another number then, and the flow need not be told.
        assert [apply.flows for apply in fake.applies[before:] if apply.flows] == []
        await made.sql.execute("DELETE FROM routes WHERE id = 3")
        await fake.until(lambda: fake.flows[1].route is None)


async def test_a_flow_that_begins_with_a_pin_has_it_from_the_first_word_on(lab: Any) -> None:
    async with lab(RING) as made:
        (fake,) = await made.connect(0)
        await fake.until(lambda: 1 in fake.running)
        async with made.sql.transaction():
            await made.sql.execute("INSERT INTO flow_routes VALUES (7, 8)")
            await made.sql.execute("INSERT INTO flows (id, name, source, destination) VALUES (7, 'x', 1, 3)")
            await made.sql.execute("INSERT INTO routes (id, path) VALUES (8, '{1,4,3}')")
        await fake.until(lambda: 7 in fake.flows)
        assert [flow.route for apply in fake.applies for flow in apply.flows if flow.id == 7] == [8]


async def test_a_flow_says_what_it_waits_for_until_that_is_there(lab: Any) -> None:
    async with lab(RING, strict=False) as made:
        (fake,) = await made.connect(0)
        await fake.until(lambda: 1 in fake.running)
        await made.sql.execute("INSERT INTO routes (id, path) VALUES (9, '{1,3}')")
        await made.sql.execute("INSERT INTO flow_routes VALUES (1, 9)")
        reason = "it waits for route 9: there is no link between n1 and n3"
        await made.until_rows(STATE, [("running", reason)])
        await made.sql.execute("UPDATE routes SET path = '{1,2,3}' WHERE id = 9")
        await made.until_rows(STATE, [("running", None)])
        await made.sql.execute("UPDATE routes SET path = '{1,3}' WHERE id = 9")
        await made.until_rows(
            "SELECT status, reason FROM route_state WHERE route = 9",
            [("rejected", "there is no link between n1 and n3")],
        )
        # What was in force stays: nobody waits.
        assert await made.rows(STATE) == [("running", None)]
        assert [route.path for route in fake.routes.values() if 9 in (route.id, route.row)] == [(1, 2, 3)]


async def test_a_change_that_a_process_rejects_leaves_the_flow_as_it_was(lab: Any) -> None:
    async with lab(RING) as made:
        (fake,) = await made.connect(0)
        await fake.until(lambda: 1 in fake.running)
        fake.reject["flow", 1] = "no such thing"
        await made.sql.execute("UPDATE flows SET weight = 5 WHERE id = 1")
        reason = "not in force: dataplane process 0: no such thing"
        await made.until_rows(STATE, [("running", reason)])
        fake.reject.clear()
        await made.sql.execute("UPDATE flows SET weight = 6 WHERE id = 1")
        await fake.until(lambda: fake.flows[1].weight == 6)
        assert 1 in fake.flows
