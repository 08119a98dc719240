from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import pytest

from nextmini.errors import DatabaseError
from nextmini.scenario.network import Route
from nextmini.store import reading
from nextmini.store.rows import (
    RESYNC,
    Change,
    FlowMetric,
    FlowState,
    LinkMetric,
    LinkState,
    NodeState,
    RouteState,
)

from .networks import ring, with_everything_optional

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nextmini.scenario.network import Network
    from nextmini.store.connection import Connection
    from nextmini.store.store import Store

T = TypeVar("T")

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


class TestRun:
    @pytest.mark.parametrize("network", [ring(12), with_everything_optional()], ids=["ring", "optional"])
    async def test_network_comes_back_as_it_was(self, store: Store, network: Network) -> None:
        await store.begin_run("r", network, "")
        desired = await store.desired()
        assert tuple(desired.nodes.values()) == network.nodes
        assert tuple(desired.links.values()) == network.links
        assert tuple(desired.routes.values()) == network.routes
        assert tuple(desired.flows.values()) == network.flows
        assert tuple(desired.classes.values()) == network.classes
        assert tuple(desired.traces.values()) == network.traces
        assert tuple(desired.events.values()) == network.events
        assert list(desired.nodes) == [node.id for node in network.nodes]
        assert desired.pins == {}

    async def test_next_run_replaces_what_was_desired_and_confirmed(
        self, store: Store, sql: Connection
    ) -> None:
        await store.begin_run("one", ring(12), "")
        await sql.execute("INSERT INTO flow_routes VALUES (1, 1)")
        await store.write_states([NodeState(1, 0, 1, "up"), FlowState(12, 1, "running")])
        await store.begin_run("two", ring(5), "")
        desired, actual = await store.desired(), await store.states()
        assert len(desired.nodes) == len(desired.links) == len(desired.routes) == len(desired.flows) == 5
        assert desired.pins == {}
        assert actual.nodes == {}
        assert actual.flows == {}

    async def test_metrics_and_results_stay(self, store: Store) -> None:
        await store.begin_run("one", ring(5), "first")
        await store.write_flow_metrics([FlowMetric("one", NOW, 1, 2, 3, 4, 5, 6)])
        await store.finish_run("one", "passed", '{"status": "passed"}')
        await store.begin_run("two", ring(5), "second")
        assert len(await samples(store.flow_metrics("one"))) == 1
        two, one = await store.runs()
        assert (one.id, one.status, one.seed, one.scenario) == ("one", "passed", 2**64 - 1, "first")
        assert json.loads(one.result or "") == {"status": "passed"}
        assert one.ended is not None
        assert one.ended >= one.started
        assert (two.id, two.status, two.ended, two.result) == ("two", "running", None, None)

    async def test_nobody_ever_sees_half_of_it(self, store: Store) -> None:
        await store.begin_run("0", ring(5), "")

        async def watch() -> None:
            while not done.is_set():
                desired = await store.desired()
                assert len(desired.nodes) == len(desired.links) == len(desired.flows) in (5, 500)

        done = asyncio.Event()
        watching = asyncio.create_task(watch())
        for run in range(6):
            await store.begin_run(f"run {run}", ring((500, 5)[run % 2]), "")
        done.set()
        await watching

    async def test_rows_that_others_add_are_numbered_on(self, store: Store, sql: Connection) -> None:
        await store.begin_run("r", ring(5), "")
        added = await sql.fetchval(
            "INSERT INTO flows (name, source, destination) VALUES ('more', 1, 2) RETURNING id"
        )
        assert added == 6
        assert [route.id for route in await store.add_routes([((1, 2), 1)])] == [6]
        await store.begin_run("again", with_everything_optional(), "")
        assert [route.id for route in await store.add_routes([((1, 2), 1)])] == [1]

    async def test_run_of_the_same_name_is_refused_and_changes_nothing(self, store: Store) -> None:
        await store.begin_run("r", ring(5), "")
        with pytest.raises(DatabaseError, match="the run cannot be written: duplicate key"):
            await store.begin_run("r", ring(6), "")
        assert len((await store.desired()).nodes) == 5

    async def test_end_of_an_unknown_run_is_an_error(self, store: Store) -> None:
        with pytest.raises(DatabaseError, match="run r is not in the table"):
            await store.finish_run("r", "passed", "{}")

    async def test_reader_who_does_not_let_go_is_reported(
        self, store: Store, sql: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("nextmini.store.writing._LOCK_SECONDS", 0.1)
        async with sql.transaction():
            await sql.fetch("SELECT * FROM nodes")
            with pytest.raises(DatabaseError, match=r"the run cannot be written.*lock timeout"):
                await store.begin_run("r", ring(5), "")


class TestRefreshing:
    async def test_only_changed_rows_are_read(self, store: Store, sql: Connection) -> None:
        await store.begin_run("r", ring(5), "")
        before = await store.desired()
        await sql.execute("UPDATE links SET cost = 7")
        await sql.execute("UPDATE nodes SET processors = 7")
        after = await store.refresh(before, {Change("links", "update", frozenset({2, 3}))})
        assert {link.id: link.cost for link in after.links.values()} == {1: 1.5, 2: 7, 3: 7, 4: 1.5, 5: 1.5}
        assert after.nodes is before.nodes
        assert before.links[2].cost == 1.5

    async def test_deleted_rows_vanish(self, store: Store, sql: Connection) -> None:
        await store.begin_run("r", ring(5), "")
        before = await store.desired()
        await sql.execute("DELETE FROM routes WHERE id = 2")
        after = await store.refresh(before, {Change("routes", "delete", frozenset({2}))})
        assert list(after.routes) == [1, 3, 4, 5]

    async def test_without_ids_the_table_is_read(self, store: Store, sql: Connection) -> None:
        await store.begin_run("r", ring(5), "")
        before = await store.desired()
        await sql.execute("TRUNCATE flows CASCADE")
        changes = {Change("flows", "truncate", None), Change("flows", "insert", frozenset({1}))}
        assert (await store.refresh(before, changes)).flows == {}

    async def test_resync_reads_everything(self, store: Store, sql: Connection) -> None:
        before = await store.desired()
        await store.begin_run("r", ring(5), "")
        await sql.execute("INSERT INTO flow_routes VALUES (2, 2)")
        assert await store.refresh(before, {RESYNC}) == await store.desired()

    async def test_pins_are_read_too(self, store: Store, sql: Connection) -> None:
        await store.begin_run("r", ring(5), "")
        before = await store.desired()
        await sql.execute("INSERT INTO flow_routes VALUES (2, 2), (4, 4)")
        after = await store.refresh(before, {Change("flow_routes", "insert", frozenset({2}))})
        assert after.pins == {2: 2}
        await sql.execute("DELETE FROM routes WHERE id = 2")
        assert (await store.refresh(after, {Change("flow_routes", "delete", frozenset({2}))})).pins == {}

    async def test_tables_of_no_concern_change_nothing(self, store: Store) -> None:
        desired = await store.desired()
        assert await store.refresh(desired, {Change("runs", "insert", None)}) is desired

    async def test_announced_changes_lead_to_what_is_there(self, store: Store, sql: Connection) -> None:
        changes = store.changes()
        await anext(changes)
        desired = await store.desired()
        await store.begin_run("r", ring(30), "")
        await sql.execute("UPDATE nodes SET processors = 2 WHERE id % 3 = 0")
        await sql.execute("DELETE FROM nodes WHERE id % 7 = 0")
        await sql.execute("UPDATE routes SET id = id + 100 WHERE id < 5")
        await sql.execute("TRUNCATE events")
        seen: set[Change] = set()
        while Change("events", "truncate", None) not in seen or len(seen) < 8:
            seen |= await anext(changes)
            desired = await store.refresh(desired, seen)
            if desired == await store.desired():
                break
        assert desired == await store.desired()


class TestRoutes:
    async def test_routes_come_back_in_order(self, store: Store) -> None:
        paths = [((i, *range(100, 100 + i % 7), i + 1), i % 3 + 1) for i in range(1, 200)]
        added = await store.add_routes(paths)
        assert [(route.path, route.weight) for route in added] == paths
        assert {route.origin for route in added} == {"computed"}
        assert (await store.desired()).routes == {route.id: route for route in added}

    async def test_origin_is_kept(self, store: Store) -> None:
        assert await store.add_routes([((1, 2), 1)], origin="mine") == [Route(1, (1, 2), 1, "mine")]

    async def test_none_is_fine(self, store: Store) -> None:
        assert await store.add_routes([]) == []

    async def test_many_are_one_announcement(self, store: Store) -> None:
        changes = store.changes()
        await anext(changes)
        await store.add_routes([((1, 2), 1)] * 100)
        assert await anext(changes) == {Change("routes", "insert", frozenset(range(1, 101)))}


class TestStates:
    async def test_states_come_back_as_they_were(self, store: Store) -> None:
        node = NodeState(1, 0, 2**40, "up")
        link = LinkState(2, 1, "down", "peer closed")
        route = RouteState(3, 1, "up")
        flow = FlowState(4, 1, "completed", 10**12, 1.5, 3, 2, "xxh3:1", "xxh3:1", 3, None)
        await store.write_states([node, link, route, flow])
        actual = await store.states()
        assert (actual.nodes, actual.links, actual.routes, actual.flows) == (
            {1: node},
            {2: link},
            {3: route},
            {4: flow},
        )

    async def test_later_states_replace_earlier_ones(self, store: Store) -> None:
        await store.write_states([LinkState(1, 1, "up"), LinkState(2, 1, "up")])
        await store.write_states(
            [LinkState(2, 2, "down", "gone"), LinkState(2, 3, "up"), LinkState(3, 3, "up")]
        )
        assert (await store.states()).links == {
            1: LinkState(1, 1, "up"),
            2: LinkState(2, 3, "up"),
            3: LinkState(3, 3, "up"),
        }

    async def test_state_that_repeats_wakes_nobody(self, store: Store) -> None:
        changes = store.changes("state")
        await anext(changes)
        await store.write_states([FlowState(1, 1, "running"), FlowState(2, 1, "running")])
        assert await anext(changes) == {Change("flow_state", "insert", frozenset({1, 2}))}
        await store.write_states([FlowState(1, 1, "running"), FlowState(2, 1, "running", bytes=1)])
        assert await anext(changes) == {Change("flow_state", "update", frozenset({2}))}

    async def test_states_of_what_is_no_more_are_removed(self, store: Store) -> None:
        await store.write_states([RouteState(1, 1, "up"), RouteState(2, 1, "up"), LinkState(1, 1, "up")])
        await store.remove_states(RouteState, [1, 99])
        actual = await store.states()
        assert list(actual.routes) == [2]
        assert list(actual.links) == [1]

    async def test_writers_at_once_do_not_lock_each_other(self, store: Store) -> None:
        ids = list(range(1, 300))
        await asyncio.gather(
            *(
                store.write_states([LinkState(id, writer, "up") for id in (ids, ids[::-1])[writer % 2]])
                for writer in range(8)
            )
        )
        assert len({state.generation for state in (await store.states()).links.values()}) == 1


async def samples(slices: AsyncGenerator[list[T], None]) -> list[T]:
    return [sample async for rows in slices for sample in rows]


class TestMetrics:
    def sample(self, seconds: float, link: int, packets: int, **drops: int) -> LinkMetric:
        return LinkMetric("r", NOW + timedelta(seconds=seconds), link, 1, packets * 100, packets, drops, 0)

    async def test_samples_come_back_as_they_were(self, store: Store) -> None:
        link = LinkMetric("r", NOW, 1, 2, 2**50, 3, {"queue": 4, "down": 1}, 5, rtt_us=40_100, most_bps=2**40)
        flow = FlowMetric("r", NOW, 1, 2**50, 2**49, 4, 5, 2**33)
        await store.write_link_metrics([link])
        await store.write_flow_metrics([flow])
        assert await samples(store.link_metrics("r")) == [link]
        assert await samples(store.flow_metrics("r")) == [flow]
        assert await samples(store.link_metrics("other")) == []

    async def test_causes_that_dropped_nothing_count_zero(self, store: Store, sql: Connection) -> None:
        await store.write_link_metrics([self.sample(0, 1, 1, queue=0, loss=2)])
        (sample,) = await samples(store.link_metrics("r"))
        assert sample.drops["queue"] == 0
        assert sample.drops["loss"] == 2
        assert await sql.fetchval("SELECT drops::text FROM link_metrics") == '{"loss": 2}'

    async def test_samples_come_in_the_order_of_time(self, store: Store) -> None:
        await store.write_link_metrics([self.sample(2, 1, 3), self.sample(1, 2, 2), self.sample(1, 1, 1)])
        assert [sample.packets for sample in await samples(store.link_metrics("r"))] == [1, 2, 3]

    async def test_they_come_in_slices_of_one_moment(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "SLICE_ROWS", 3)
        await store.write_link_metrics([self.sample(second, 1, second) for second in range(7)])
        slices = store.link_metrics("r")
        first = await anext(slices)
        await store.write_link_metrics([self.sample(9, 1, 9)])
        rest = [[sample.packets for sample in rows] async for rows in slices]
        assert ([sample.packets for sample in first], rest) == ([0, 1, 2], [[3, 4, 5], [6]])
        assert len(await samples(store.link_metrics("r"))) == 8

    async def test_who_has_read_enough_leaves_the_connection_as_it_was(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "SLICE_ROWS", 1)
        await store.write_flow_metrics([FlowMetric("r", NOW, flow, 0, 0, 0, 0, 0) for flow in range(3)])
        for _ in range(8):  # more often than there are connections
            async with aclosing(store.flow_metrics("r")) as slices:
                assert len(await anext(slices)) == 1
        await store.write_flow_metrics([FlowMetric("r", NOW, 7, 0, 0, 0, 0, 0)])
        assert len(await samples(store.flow_metrics("r"))) == 4

    async def test_batch_is_one_announcement(self, store: Store) -> None:
        changes = store.changes("metrics")
        await anext(changes)
        await store.write_link_metrics([self.sample(0, link, 1) for link in range(1, 300)])
        assert await anext(changes) == {Change("link_metrics", "insert", frozenset(range(1, 300)))}

    async def test_nothing_to_write_is_fine(self, store: Store) -> None:
        await store.write_link_metrics([])
        await store.write_flow_metrics([])

    async def test_old_samples_are_removed(self, store: Store) -> None:
        now = datetime.now(UTC)
        for age in (5, 50, 500):
            time = now - timedelta(seconds=age)
            await store.write_link_metrics([LinkMetric("r", time, 1, 1, age, 0, {}, 0)])
            await store.write_flow_metrics([FlowMetric("r", time, 1, age, 0, 0, 0, 0)])
        await store.trim_metrics(60)
        assert [sample.bytes for sample in await samples(store.link_metrics("r"))] == [50, 5]
        assert [sample.bytes for sample in await samples(store.flow_metrics("r"))] == [50, 5]


async def test_large_network_fits(store: Store) -> None:
    network = ring(10_000)
    await store.begin_run("large", network, "")
    desired = await store.desired()
    assert tuple(desired.nodes.values()) == network.nodes
    assert tuple(desired.routes.values()) == network.routes
    await store.write_states([LinkState(id, 1, "up") for id in range(1, 10_001)])
    assert len((await store.states()).links) == 10_000


async def test_closed_store_says_so(store: Store) -> None:
    await store.close()
    await store.close()
    with pytest.raises(DatabaseError, match="clos"):
        await store.desired()
