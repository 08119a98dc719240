"""How many rows of metrics the controller takes in: from the bytes of a message to a committed row."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import cast

from nextmini.bench.running import EXPERIMENT
from nextmini.controller import reports
from nextmini.protocol import Drops, LinkCounters, Metrics, decode, encode
from nextmini.store import StateFolder, Store, embedded_server

LINKS = 1_000
"""Of one message."""


async def rows_per_second(seconds: float) -> float:
    """Rows a second, over at least so long."""
    async with (
        embedded_server(StateFolder.locate(None).path) as server,
        await Store.open(server, EXPERIMENT) as store,
    ):
        written, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            message = cast("Metrics", decode(_message(written)))
            rows = list(reports.link_metrics("ingestion", datetime.now(UTC), message, {}))
            await store.write_link_metrics(rows)
            written += len(rows)
        return written / (time.perf_counter() - began)


def _message(number: int) -> bytes:
    drops = Drops()
    return encode(Metrics(tuple(LinkCounters(link, 1, number, number, 0, drops) for link in range(LINKS))))
