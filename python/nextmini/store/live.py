"""What commands on a running experiment read and change, beside what a controller does."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

from nextmini.errors import DatabaseError
from nextmini.store.claim import close_connection
from nextmini.store.connection import connect, database_errors
from nextmini.store.naming import Naming
from nextmini.store.rows import FlowState, LinkMetric, LinkState, NodeState, RouteState
from nextmini.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

S = TypeVar("S", NodeState, LinkState, RouteState, FlowState)

_SIZES = """
SELECT (SELECT count(*) FROM {0}.nodes), (SELECT count(*) FROM {0}.links), (SELECT count(*) FROM {0}.flows)
"""
# Of the samples of the last while, those that are the newest and the oldest of their flow. Older samples of a
# flow that still runs do not matter, and searching them would cost more the longer an experiment lasts.
_RECENT_FLOWS = """
SELECT flow, max(acknowledged), max(acknowledged) - min(acknowledged),
       extract(epoch FROM max(time) - min(time))::float8
FROM flow_metrics WHERE run = $1 AND time > now() - $2::interval GROUP BY flow
"""
_LINK_COLUMNS = ", ".join(field.name for field in fields(LinkMetric))
_LINK_COUNTERS = f"""
SELECT DISTINCT ON (node) {_LINK_COLUMNS} FROM link_metrics
WHERE run = $1 AND link = $2 ORDER BY node, time DESC
"""  # noqa: S608 - our names
_PATHS = f"""
SELECT DISTINCT ON (link, node) {_LINK_COLUMNS} FROM link_metrics
WHERE run = $1 AND rtt_us IS NOT NULL ORDER BY link, node, time DESC
"""  # noqa: S608 - our names


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large an experiment is."""

    nodes: int
    links: int
    flows: int


@dataclass(frozen=True, slots=True)
class RecentFlow:
    """What a flow has done lately: bytes acknowledged in all, and bit/s over the last while."""

    acknowledged: int
    rate: float


async def sizes(dsn: str, experiments: Iterable[str]) -> dict[str, Sizes]:
    """How large each of the experiments is.

    Raises DatabaseError if the server or one's schema is not there.
    """
    connection = await connect(dsn)
    try:
        with database_errors("the experiments cannot be counted"):
            return {
                name: Sizes(*(await connection.fetch(_SIZES.format(Naming.of(name).quoted)))[0])
                for name in experiments
            }
    finally:
        await close_connection(connection)


class LiveStore(Store):
    """The store of an experiment that somebody else's controller runs."""

    async def recent_flows(self, run_id: str, last: timedelta) -> Mapping[int, RecentFlow]:
        """The flows that something was measured of in the `last` while."""
        async with self._connection("flow metrics cannot be read") as connection:
            rows = await connection.fetch(_RECENT_FLOWS, run_id, last)
        return {
            flow: RecentFlow(total, sent * 8 / seconds if seconds > 0 else 0.0)
            for flow, total, sent, seconds in rows
        }

    async def state(self, kind: type[S], id: int) -> S | None:
        """What is confirmed of one node, link, route or flow."""
        key, *more = (field.name for field in fields(kind))
        query = f"SELECT {', '.join((key, *more))} FROM {key}_state WHERE {key} = $1"  # noqa: S608 - our names
        async with self._connection("the states cannot be read") as connection:
            row = await connection.fetchrow(query, id)
        return None if row is None else kind(*row)

    async def scenario(self, run_id: str) -> str:
        """The scenario of a run, resolved, as TOML. Raises DatabaseError if there is no such run."""
        async with self._connection("the scenario cannot be read") as connection:
            text = await connection.fetchval("SELECT scenario FROM runs WHERE id = $1", run_id)
        if text is None:
            raise DatabaseError(f"the run {run_id} is not in the table runs: somebody removed it")
        return str(text)

    async def run_status(self, run_id: str) -> str | None:
        """How a run stands or has ended; None if there is no such run."""
        async with self._connection("the run cannot be read") as connection:
            status = await connection.fetchval("SELECT status FROM runs WHERE id = $1", run_id)
        return None if status is None else str(status)

    async def link_counters(self, run_id: str, link: int) -> list[LinkMetric]:
        """The newest sample of each direction of a link."""
        async with self._connection("link metrics cannot be read") as connection:
            rows = [LinkMetric(*row) for row in await connection.fetch(_LINK_COUNTERS, run_id, link)]
        return [replace(row, drops=Counter(json.loads(str(row.drops)))) for row in rows]

    async def paths(self, run_id: str) -> list[LinkMetric]:
        """The newest sample of each direction of links between sites, without what was dropped."""
        async with self._connection("link metrics cannot be read") as connection:
            rows = [LinkMetric(*row) for row in await connection.fetch(_PATHS, run_id)]
        return [replace(row, drops={}) for row in rows]
