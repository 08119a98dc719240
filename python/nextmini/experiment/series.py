"""The time series of a run as tables: one row a sample, in the order of time.

They are made slice by slice, since those of a large network over an hour are larger than memory.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from nextmini.controller.counters import DROP_CAUSES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

    import pyarrow as pa

    from nextmini.scenario import Flow, Link, Node
    from nextmini.store import FlowMetric, LinkMetric

T = TypeVar("T")
Series = Literal["links", "flows"]
SERIES: tuple[Series, ...] = ("links", "flows")

LINK_COUNTERS = ("bytes", "packets", "queue", "entered", "marked", "duplicated", "datagrams", "oversized")
FLOW_COUNTERS = ("bytes", "acknowledged", "retransmitted", "srtt_us", "window", "timeouts", "cwnd")
DROP_COLUMNS = tuple(f"drops_{cause}" for cause in DROP_CAUSES)
COLUMNS: dict[Series, tuple[str, ...]] = {
    "links": ("time", "link", "from", "to", *LINK_COUNTERS, *DROP_COLUMNS),
    "flows": ("time", "flow", *FLOW_COUNTERS),
}
_TEXTS = ("from", "to", "flow")


@dataclass(frozen=True, slots=True)
class Names:
    """What rows are about, by their numbers: names of nodes and flows, and the ends of links.

    Of what was added and removed again while a run went on, nobody may know a name: it is `#` and its number,
    and the far end of such a link is empty.
    """

    nodes: Mapping[int, str]
    links: Mapping[int, tuple[int, int]]
    flows: Mapping[int, str]

    @classmethod
    def of(cls, nodes: Iterable[Node], links: Iterable[Link], flows: Iterable[Flow]) -> Names:
        """The names of these rows; of several with one number the last one counts."""
        return cls(
            {node.id: node.name for node in nodes},
            {link.id: (link.a, link.b) for link in links},
            {flow.id: flow.name for flow in flows},
        )

    def node(self, id: int) -> str:
        return self.nodes.get(id, f"#{id}")

    def far_end(self, link: int, node: int) -> str:
        if link not in self.links:
            return ""
        a, b = self.links[link]
        return self.node(b if node == a else a)


@dataclass(frozen=True, slots=True)
class Table:
    """One series, slice by slice."""

    schema: pa.Schema
    batches: AsyncGenerator[pa.RecordBatch, None]


def schema(series: Series) -> pa.Schema:
    """The columns of a series and their types."""
    import pyarrow as pa

    types = {"time": pa.timestamp("us", tz="UTC"), **dict.fromkeys(_TEXTS, pa.string())}
    return pa.schema([(column, types.get(column, pa.int64())) for column in COLUMNS[series]])


def tables(
    names: Names,
    links: AsyncGenerator[list[LinkMetric], None],
    flows: AsyncGenerator[list[FlowMetric], None],
) -> dict[Series, Table]:
    """Both series, of slices of samples."""
    return {
        "links": Table(schema("links"), _batches(links, partial(link_batch, names))),
        "flows": Table(schema("flows"), _batches(flows, partial(flow_batch, names))),
    }


async def _batches(
    slices: AsyncGenerator[list[T], None], batch: Callable[[list[T]], pa.RecordBatch]
) -> AsyncGenerator[pa.RecordBatch, None]:
    async with aclosing(slices):
        async for rows in slices:
            yield batch(rows)


def link_batch(names: Names, rows: Sequence[LinkMetric]) -> pa.RecordBatch:
    """Samples of links as a part of their table."""
    columns: dict[str, list[Any]] = {
        "time": [row.time for row in rows],
        "link": [row.link for row in rows],
        "from": [names.node(row.node) for row in rows],
        "to": [names.far_end(row.link, row.node) for row in rows],
    }
    for counter in LINK_COUNTERS:
        columns[counter] = [getattr(row, counter) for row in rows]
    for cause, column in zip(DROP_CAUSES, DROP_COLUMNS, strict=True):
        columns[column] = [row.drops.get(cause, 0) for row in rows]
    return _batch("links", columns)


def flow_batch(names: Names, rows: Sequence[FlowMetric]) -> pa.RecordBatch:
    """Samples of flows as a part of their table."""
    columns: dict[str, list[Any]] = {
        "time": [row.time for row in rows],
        "flow": [names.flows.get(row.flow, f"#{row.flow}") for row in rows],
    }
    for counter in FLOW_COUNTERS:
        columns[counter] = [getattr(row, counter) for row in rows]
    return _batch("flows", columns)


def _batch(series: Series, columns: dict[str, list[Any]]) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pydict(columns, schema=schema(series))
