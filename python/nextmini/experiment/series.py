"""The time series of a run as files: one row a sample, Parquet for programs and CSV for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextmini.controller.counters import DROP_CAUSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nextmini.scenario import Network
    from nextmini.store import FlowMetric, LinkMetric

LINK_COUNTERS = ("bytes", "packets", "queue", "entered", "marked", "duplicated", "datagrams", "oversized")
FLOW_COUNTERS = ("bytes", "acknowledged", "retransmitted", "srtt_us", "window", "timeouts", "cwnd")


def write_series(
    folder: Path, network: Network, links: Sequence[LinkMetric], flows: Sequence[FlowMetric]
) -> None:
    """Writes links.{parquet,csv} and flows.{parquet,csv}. Takes its time: for a thread."""
    names = {node.id: node.name for node in network.nodes}
    _write(folder, "links", _link_columns(network, names, links))
    flow_names = {flow.id: flow.name for flow in network.flows}
    _write(folder, "flows", _flow_columns(flow_names, flows))


def _link_columns(
    network: Network, names: Mapping[int, str], rows: Sequence[LinkMetric]
) -> dict[str, list[Any]]:
    ends = {link.id: (link.a, link.b) for link in network.links}
    columns: dict[str, list[Any]] = {"time": [row.time for row in rows], "link": [row.link for row in rows]}
    columns["from"] = [names.get(row.node, f"#{row.node}") for row in rows]
    columns["to"] = [_far_end(names, ends.get(row.link), row.node) for row in rows]
    for counter in LINK_COUNTERS:
        columns[counter] = [getattr(row, counter) for row in rows]
    for cause in DROP_CAUSES:
        columns[f"drops_{cause}"] = [row.drops.get(cause, 0) for row in rows]
    return columns


def _far_end(names: Mapping[int, str], ends: tuple[int, int] | None, node: int) -> str:
    """Empty for a link that was added to the database during the run."""
    if ends is None:
        return ""
    far = ends[1] if node == ends[0] else ends[0]
    return names.get(far, f"#{far}")


def _flow_columns(names: Mapping[int, str], rows: Sequence[FlowMetric]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {"time": [row.time for row in rows]}
    columns["flow"] = [names.get(row.flow, f"#{row.flow}") for row in rows]
    for counter in FLOW_COUNTERS:
        columns[counter] = [getattr(row, counter) for row in rows]
    return columns


def _write(folder: Path, name: str, columns: dict[str, list[Any]]) -> None:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    types = {
        "time": pa.timestamp("us", tz="UTC"),
        "from": pa.string(),
        "to": pa.string(),
        "flow": pa.string(),
    }
    schema = pa.schema([(column, types.get(column, pa.int64())) for column in columns])
    table = pa.table(columns, schema=schema)
    pyarrow.parquet.write_table(table, folder / f"{name}.parquet")
    pyarrow.csv.write_csv(table, folder / f"{name}.csv")
