"""A run folder whose series are known to the sample."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from nextmini.controller.counters import Counters
from nextmini.experiment.result import Facts, document
from nextmini.experiment.series import Names, tables
from nextmini.experiment.series_files import write_tables
from nextmini.scenario import dump, loads, resolve
from nextmini.store import FlowMetric, LinkMetric

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

T = TypeVar("T")
BEGIN = datetime(2026, 11, 26, 12, tzinfo=UTC)
NETWORK = resolve(
    loads("""
[experiment]
name = "lab"
interval = "1 s"
[topology]
kind = "line"
nodes = ["a-1", "b", "c"]
[[links]]
ends = ["a-1", "b"]
rate = "8 Mbit/s"
[[links]]
ends = ["b", "c"]
[[flows]]
name = "up"
source = "a-1"
destination = "c"
size = "3 MB"
[[flows]]
name = "call"
kind = "udp"
source = "a-1"
destination = "c"
rate = "8 kbit/s"
duration = "3 s"
""")
)


def _moment(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


# Each second 1 MB over the first link, one packet lost in the third; nothing changes after the third.
LINKS = [
    sample
    for n in range(4)
    for sample in (
        LinkMetric("r", _moment(n), 1, 1, n * 1_000_000, n, {"loss": int(n == 3), "queue": 0}, 2000 * n),
        LinkMetric("r", _moment(n), 2, 2, n * 500_000, n, {}, 0),
    )
]
FLOWS = [
    sample
    for n in range(4)
    for sample in (
        FlowMetric("r", _moment(n), 1, n * 1_000_000, n * 1_000_000, 0, 10_000 * n, 65536),
        FlowMetric("r", _moment(n), 2, n * 1000, n * 1000, 0, 0, 0),
    )
]


async def _all_at_once(rows: list[T]) -> AsyncGenerator[list[T], None]:
    if rows:
        yield rows


def make_run(
    parent: Path,
    id: str,
    *,
    links: list[LinkMetric] = LINKS,
    flows: list[FlowMetric] = FLOWS,
    loads: list[Any] | None = None,
) -> Path:
    """Writes the folder of a run; `loads` is that part of its result."""
    folder = parent / id
    (folder / "series").mkdir(parents=True)
    (folder / "scenario.toml").write_text(dump(NETWORK))
    facts = Facts(id, folder, "passed", 4.0)
    result = document(NETWORK, facts, {}, Counters()) | {"loads": loads or []}
    (folder / "result.json").write_text(json.dumps(result))
    names = Names.of(NETWORK.nodes, NETWORK.links, NETWORK.flows)
    made = tables(names, _all_at_once(links), _all_at_once(flows))
    asyncio.run(write_tables(folder / "series", made, ("parquet", "csv")))
    return folder
