"""How many rows of metrics the controller takes in: from the bytes of a message to a committed row."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, cast

from nextmini.bench.confirmation import Confirmations
from nextmini.bench.running import EXPERIMENT
from nextmini.controller import reports
from nextmini.controller.counters import Counters
from nextmini.protocol import Drops, FlowCounters, LinkCounters, Metrics, decode, encode
from nextmini.store import StateFolder, Store, embedded_server

if TYPE_CHECKING:
    from nextmini.store import FlowMetric, LinkMetric

LINKS = 1_000
"""Of one message."""

Kind = Literal["link", "flow"]


@dataclass(frozen=True, slots=True)
class Ingested:
    """What was taken in, the time and the controller's CPU time for it, and what it is in the database."""

    rows: int
    seconds: float
    cpu_seconds: float
    stored_bytes: int

    @property
    def rows_per_second(self) -> float:
        """Rows by time, with what the database takes."""
        return self.rows / self.seconds


async def rows_per_second(seconds: float) -> float:
    """Rows of links a second, over at least so long."""
    return (await ingested(seconds, "link", LINKS)).rows_per_second


async def ingested(seconds: float, kind: Kind, rows: int) -> Ingested:
    """Messages of so many `rows`, one after the other, over at least so long."""
    async with (
        embedded_server(StateFolder.locate(None).path) as server,
        await Store.open(server, EXPERIMENT) as store,
        Confirmations.listen(EXPERIMENT) as database,
    ):
        table = f"{kind}_metrics"
        # Rows of benchmarks before this one.
        await database.value(f"TRUNCATE {table}")
        counters, data, written = Counters(), _message(kind, rows), 0
        began, worked = time.perf_counter(), time.process_time()
        while time.perf_counter() - began < seconds:
            written += await _take_in(store, counters, data)
        took, cpu = time.perf_counter() - began, time.process_time() - worked
        stored = await database.value(f"SELECT pg_total_relation_size('{table}')")
        await database.value(f"TRUNCATE {table}")
    return Ingested(written, took, cpu, stored)


async def _take_in(store: Store, counters: Counters, data: bytes) -> int:
    """What the controller does with a message that comes in; returns how many rows that were."""
    message, now = cast("Metrics", decode(data)), datetime.now(UTC)
    flows = counters.take(message)
    link_rows: list[LinkMetric] = list(reports.link_metrics("ingestion", now, message, {}))
    flow_rows: list[FlowMetric] = list(reports.flow_metrics("ingestion", now, flows))
    if link_rows:
        await store.write_link_metrics(link_rows)
    if flow_rows:
        await store.write_flow_metrics(flow_rows)
    return len(link_rows) + len(flow_rows)


def _message(kind: Kind, rows: int) -> bytes:
    ids = range(1, rows + 1)
    if kind == "flow":
        return encode(Metrics(flows=tuple(FlowCounters(id, 10**6, 10**6, 0, 100, 65_536) for id in ids)))
    drops = Drops()
    return encode(Metrics(tuple(LinkCounters(id, 1, 10**6, 700, 0, drops) for id in ids)))
