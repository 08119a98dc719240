"""Batched writing, and what happens while the database is away."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest

from nextmini.controller import writer as module
from nextmini.controller.writer import Batcher, MetricsWriter, StateWriter
from nextmini.errors import DatabaseError
from nextmini.store import FlowMetric, LinkMetric, NodeState, RouteState, Store

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakeStore:
    def __init__(self) -> None:
        self.away = False
        self.states: list[list[object]] = []
        self.removed: list[tuple[type, list[int]]] = []
        self.links: list[list[int]] = []
        self.flows: list[list[int]] = []
        self.trimmed: list[float] = []

    def _use(self) -> None:
        if self.away:
            raise DatabaseError("away")

    async def write_states(self, states: Iterable[object]) -> None:
        self._use()
        self.states.append(list(states))

    async def remove_states(self, kind: type, ids: Iterable[int]) -> None:
        self._use()
        self.removed.append((kind, list(ids)))

    async def write_link_metrics(self, rows: list[LinkMetric]) -> None:
        self._use()
        self.links.append([row.bytes for row in rows])

    async def write_flow_metrics(self, rows: list[FlowMetric]) -> None:
        self._use()
        self.flows.append([row.bytes for row in rows])

    async def trim_metrics(self, keep: float) -> None:
        self.trimmed.append(keep)


def link_sample(number: int) -> LinkMetric:
    return LinkMetric("r", NOW, 1, 1, number, 0, {}, 0)


def flow_sample(number: int) -> FlowMetric:
    return FlowMetric("r", NOW, 1, number, 0, 0, 0, 0)


def node_state(status: str) -> NodeState:
    return NodeState(1, 0, 1, status)


@pytest.mark.asyncio
async def test_of_several_states_of_a_row_the_newest_is_written() -> None:
    store = FakeStore()
    states = StateWriter(cast("Store", store))
    states.put(NodeState, 1, node_state("pending"))
    states.put(RouteState, 1, RouteState(1, 1, "installed"))
    states.put(NodeState, 1, node_state("up"))
    states.put(NodeState, 2, None)
    await states.flush()
    await states.flush()
    assert store.states == [[node_state("up"), RouteState(1, 1, "installed")]]
    assert store.removed == [(NodeState, [2])]


@pytest.mark.asyncio
async def test_states_that_could_not_be_written_are_kept_and_newer_ones_win() -> None:
    store = FakeStore()
    states = StateWriter(cast("Store", store))
    states.put(NodeState, 1, node_state("pending"))
    states.put(NodeState, 2, NodeState(2, 0, 1, "up"))
    store.away = True
    with pytest.raises(DatabaseError):
        await states.flush()
    store.away = False
    states.put(NodeState, 1, node_state("up"))
    await states.flush()
    assert store.states == [[node_state("up"), NodeState(2, 0, 1, "up")]]


@pytest.mark.asyncio
async def test_samples_are_written_together_and_in_order_after_a_failure() -> None:
    store = FakeStore()
    metrics = MetricsWriter(cast("Store", store), 1.0, 3600, lambda: 0.0)
    metrics.put([link_sample(1), link_sample(2)], [flow_sample(1)])
    store.away = True
    with pytest.raises(DatabaseError):
        await metrics.flush()
    store.away = False
    metrics.put([link_sample(3)], [])
    await metrics.flush()
    assert (store.links, store.flows) == ([[1, 2, 3]], [[1]])
    assert metrics.give_up() == 0


@pytest.mark.asyncio
async def test_samples_are_kept_up_to_a_bound_and_the_loss_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_METRICS", 4)
    store = FakeStore()
    metrics = MetricsWriter(cast("Store", store), 1.0, 3600, lambda: 0.0)
    metrics.put([link_sample(number) for number in range(6)], [flow_sample(0)])
    assert metrics.lost == 3
    await metrics.flush()
    assert (store.links, store.flows) == ([[3, 4, 5]], [[0]])
    metrics.put([link_sample(9)], [])
    assert metrics.give_up() == 4


@pytest.mark.asyncio
async def test_old_samples_are_removed_now_and_then() -> None:
    now = [0.0]
    store = FakeStore()
    metrics = MetricsWriter(cast("Store", store), 1.0, 100.0, lambda: now[0])
    for seconds in (1.0, 9.9, 10.0, 12.0, 20.0):
        now[0] = seconds
        await metrics.flush()
    assert store.trimmed == [100.0, 100.0]


@pytest.mark.asyncio
async def test_the_batcher_gathers_while_it_pauses_and_tries_again_after_a_failure() -> None:
    flushes: list[str] = []
    pause = asyncio.Event()

    async def flush() -> int:
        flushes.append("try")
        if len(flushes) == 1:
            raise DatabaseError("away")
        pause.set()
        return 1

    batcher = Batcher(flush, 0.001, 0.001, "states")
    task = asyncio.create_task(batcher.run())
    batcher.wake()
    batcher.wake()
    async with asyncio.timeout(10):
        await pause.wait()
    batcher.stop()
    await task
    assert flushes == ["try", "try"]


@pytest.mark.asyncio
@pytest.mark.parametrize(("rows", "pause"), [(0, 0.001), (3, 0.003), (1_000, 0.05)])
async def test_the_pause_follows_how_many_rows_were_written(
    rows: int, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float | None] = []
    paused = asyncio.Event()
    real = asyncio.timeout

    def timeout(seconds: float | None) -> asyncio.Timeout:
        pauses.append(seconds)
        paused.set()
        return real(seconds)

    async def flush() -> int:
        return rows

    monkeypatch.setattr(asyncio, "timeout", timeout)
    batcher = Batcher(flush, 0.05, 0.001, "states")
    task = asyncio.create_task(batcher.run())
    batcher.wake()
    await paused.wait()
    batcher.stop()
    await task
    assert pauses == [pause]


@pytest.mark.asyncio
async def test_a_batcher_that_is_stopped_finishes_what_it_writes() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    written = False

    async def flush() -> int:
        nonlocal written
        begun.set()
        await may_end.wait()
        written = True
        return 1

    batcher = Batcher(flush, 3600.0, 1.0, "states")
    task = asyncio.create_task(batcher.run())
    batcher.wake()
    await begun.wait()
    batcher.stop()
    may_end.set()
    async with asyncio.timeout(10):
        await task
    assert written
