"""What an algorithm's process reads and writes: changed rows alone, decisions as a whole."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import asyncpg
import pytest
import pytest_asyncio
from asyncpg.transaction import Transaction

from nextmini.algorithms.decision import Decision, NewFlow, NewRoute, NewSettings
from nextmini.errors import RefusedError
from nextmini.store import RESYNC, AlgorithmState, Change, FlowMetric, LinkMetric
from nextmini.store.algorithms import AlgorithmStore
from nextmini.store.decided import write_decision
from nextmini.store.rows import Marks

from .networks import ring

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nextmini.store.connection import Connection
    from nextmini.store.store import Store

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture
async def algorithms(store: Store, dsn: str, experiment: str) -> AsyncIterator[AlgorithmStore]:
    """An algorithm's store, in an experiment that has begun."""
    await store.begin_run("r", ring(5), "")
    async with await AlgorithmStore.open(dsn, experiment) as opened:
        yield opened


def link_metric(link: int, total: int, run: str = "r") -> LinkMetric:
    return LinkMetric(run, NOW, link, link, total, 1, {"loss": 2}, 3)


async def test_only_what_changed_is_read(algorithms: AlgorithmStore) -> None:
    news = await algorithms.news([RESYNC], Marks(), "r")
    assert (len(news.desired.nodes), len(news.desired.flows)) == (5, 5)
    assert news.looked_at["links"] is None
    assert news.newest_run == ("r", "running")
    changes = [
        Change("links", "update", frozenset({2, 99})),
        Change("flow_routes", "delete", frozenset({3})),
        Change("runs", "update", None),
    ]
    news = await algorithms.news(changes, Marks(), "r")
    assert set(news.desired.links) == {2}
    assert (news.desired.nodes, news.desired.pins) == ({}, {})
    assert news.looked_at == {"links": frozenset({2, 99}), "flow_routes": frozenset({3})}
    assert news.newest_run == ("r", "running")


async def test_samples_are_read_once(algorithms: AlgorithmStore, store: Store) -> None:
    await store.write_link_metrics([link_metric(1, 10), link_metric(2, 20), link_metric(1, 5, run="old")])
    flow = FlowMetric("r", NOW, 4, 100, 90, 0, 1000, 1, 2, 3)
    await store.write_flow_metrics([flow])
    links, flows, marks = await algorithms.totals("r")
    assert [(row.link, row.bytes, row.drops["loss"]) for row in links] == [(1, 10, 2), (2, 20, 2)]
    assert flows == [flow]
    both = [Change(table, "insert", None) for table in ("link_metrics", "flow_metrics")]
    assert not (await algorithms.news(both, marks, "r")).link_metrics
    await store.write_link_metrics([link_metric(1, 30), link_metric(1, 40)])
    news = await algorithms.news(both, marks, "r")
    assert [row.bytes for row in news.link_metrics] == [30, 40]
    assert (news.marks.link, news.marks.flow) == (marks.link + 2, marks.flow)
    assert not (await algorithms.news(both, news.marks, "r")).link_metrics


async def test_totals_are_the_last_samples_whenever_they_were_written(
    algorithms: AlgorithmStore, store: Store
) -> None:
    later = [replace(link_metric(1, total), time=NOW + timedelta(seconds=total)) for total in (1, 3, 2)]
    await store.write_link_metrics(later[:2])
    await store.write_link_metrics([later[2], link_metric(2, 5)])
    links, _, _ = await algorithms.totals("r")
    assert [(row.link, row.bytes) for row in links] == [(1, 3), (2, 5)]


async def test_a_decision_is_written_as_a_whole(algorithms: AlgorithmStore, store: Store) -> None:
    decision = Decision(
        new_routes={-1: NewRoute((1, 5, 4, 3), 7)},
        paths={2: (2, 1, 5, 4)},
        route_weights={3: 9},
        removed_routes={4},
        pins={1: -1, 2: 2, -2: 5, 5: None},
        rates={1: 1000, 3: None},
        flow_weights={2: 4},
        costs={1: 2.5},
        links={2: NewSettings(False, {"rate": "1 Mbit/s"}, {})},
        new_flows={-2: NewFlow("new", 5, 2, "udp", rate=5000)},
        removed_flows={4},
    )
    routes, flows = await algorithms.decide(decision, "algorithm:x")
    now = await store.desired()
    new, added = now.routes[routes[-1]], now.flows[flows[-2]]
    assert (new.path, new.weight, new.origin) == ((1, 5, 4, 3), 7, "algorithm:x")
    assert (now.routes[2].path, now.routes[2].origin) == ((2, 1, 5, 4), "algorithm:x")
    assert (now.routes[3].weight, now.routes[3].origin) == (9, "scenario")
    assert 4 not in now.routes
    assert 4 not in now.flows
    assert now.pins == {1: new.id, 2: 2, added.id: 5}
    assert (now.flows[1].rate, now.flows[2].weight) == (1000, 4)
    assert (added.rate, added.packet_size, added.start) == (5000, 1472, 0)
    assert (now.links[1].cost, now.links[2].up, now.links[2].forward.rate) == (2.5, False, 1_000_000)


async def test_rows_that_are_gone_are_left_out(algorithms: AlgorithmStore, store: Store) -> None:
    await store.remove_flows([1])
    decision = Decision(
        paths={99: (1, 2)},
        pins={1: 2, 2: 99, 3: 3},
        rates={1: 5, 3: 7},
        links={99: NewSettings(False), 1: NewSettings(False)},
        new_flows={-1: NewFlow("nowhere", 1, 99)},
    )
    assert await algorithms.decide(decision, "algorithm:x") == ({}, {})
    now = await store.desired()
    assert now.pins == {3: 3}
    assert now.flows[3].rate == 7
    assert not now.links[1].up


async def test_what_fails_leaves_nothing(algorithms: AlgorithmStore, store: Store) -> None:
    taken = Decision(rates={1: 5}, new_flows={-1: NewFlow("f2", 1, 3)})
    with pytest.raises(RefusedError, match="the decision cannot be written: "):
        await algorithms.decide(taken, "algorithm:x")
    assert (await store.desired()).flows[1].rate is None


NEW = Decision(new_routes={-1: NewRoute((1, 5, 4, 3), 1)}, new_flows={-2: NewFlow("new", 1, 3)}, rates={1: 5})


def break_once(monkeypatch: pytest.MonkeyPatch, sql: Connection, place: Literal["before", "after"]) -> None:
    """The server cuts off whoever writes the next decision, before or after it has committed that."""
    write, end = write_decision, Transaction.__aexit__
    writers: list[int] = []

    async def noted(connection: Connection, *arguments: Any) -> Any:
        made = await write(connection, *arguments)
        writers.append(connection.get_server_pid())
        return made

    async def cut(self: Transaction, *error: Any) -> None:
        first = len(writers) == 1
        if not first or place == "after":
            await end(self, *error)
        if first:
            assert await sql.fetchval("SELECT pg_terminate_backend($1, 10000)", writers[0])
            writers.append(0)
            if place == "after":
                raise asyncpg.ConnectionDoesNotExistError("the answer has not come")
            await end(self, *error)

    monkeypatch.setattr("nextmini.store.algorithms.write_decision", noted)
    monkeypatch.setattr(Transaction, "__aexit__", cut)


@pytest.mark.parametrize("place", ["before", "after"])
async def test_a_decision_is_written_once_however_the_connection_breaks(
    algorithms: AlgorithmStore,
    store: Store,
    sql: Connection,
    monkeypatch: pytest.MonkeyPatch,
    place: Literal["before", "after"],
) -> None:
    before = await store.desired()
    break_once(monkeypatch, sql, place)
    routes, flows = await algorithms.decide(NEW, "algorithm:x")
    now = await store.desired()
    assert {id: route.path for id, route in now.routes.items() if id not in before.routes} == {
        routes[-1]: (1, 5, 4, 3)
    }
    assert {id: flow.name for id, flow in now.flows.items() if id not in before.flows} == {flows[-2]: "new"}
    assert now.flows[1].rate == 5


async def test_its_own_writes_do_not_wake_it(
    algorithms: AlgorithmStore, sql: Connection, experiment: str
) -> None:
    changes = algorithms.changes("desired")
    async with asyncio.timeout(10):
        assert await anext(changes) == {RESYNC}
        await algorithms.decide(Decision(rates={1: 5}), "algorithm:x")
        await sql.execute("UPDATE flows SET rate = 6 WHERE id = 2")
        assert await anext(changes) == {Change("flows", "update", frozenset({2}))}


async def test_a_run_counts_while_somebody_controls_it(algorithms: AlgorithmStore, store: Store) -> None:
    assert await algorithms.current_run() is None
    await store.claim()
    run = await algorithms.current_run()
    assert run is not None
    assert run.id == "r"
    assert 0 <= run.now - run.started < 1000
    await store.finish_run("r", "passed", "{}")
    assert await algorithms.current_run() is None


async def test_what_becomes_of_algorithms_is_noted(algorithms: AlgorithmStore, store: Store) -> None:
    await store.write_algorithm_state(AlgorithmState("x", "x.py", "running"))
    await algorithms.count_decisions("x", 3, 4.5)
    await algorithms.count_decisions("x", 2, 1.5)
    await store.write_algorithm_state(AlgorithmState("x", "x.py", "failed", 2, reason="so"))
    assert await store.algorithm_states() == [AlgorithmState("x", "x.py", "failed", 2, 5, 1.5, "so")]
    await store.begin_run("next", ring(3), "")
    assert await store.algorithm_states() == []


async def test_an_experiment_that_is_not_there_is_not_made(store: Store, dsn: str, experiment: str) -> None:
    with pytest.raises(RefusedError, match="there is no experiment 'nothing' in ") as caught:
        await AlgorithmStore.open(dsn, "nothing")
    assert experiment in str(caught.value)
    connection = await asyncpg.connect(dsn)
    assert not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'nothing')")
    await connection.close()
