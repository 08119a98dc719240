"""Series as tables and as files."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import pyarrow.csv
import pyarrow.parquet
import pytest

from nextmini.experiment.series import COLUMNS, Names, link_batch, tables
from nextmini.experiment.series_files import whole_file, write_document, write_tables
from nextmini.store import FlowMetric, LinkMetric

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from nextmini.experiment.series import Series, Table

T = TypeVar("T")
BEGIN = datetime(2026, 11, 26, 12, 0, 0, 250, tzinfo=UTC)
NAMES = Names({1: "a", 2: 'b"x'}, {5: (1, 2)}, {7: "f, g"})
LINKS = [
    LinkMetric(
        "r", BEGIN + timedelta(seconds=n), 5, 1 + n % 2, 10 * n, n, {"loss": n} if n else {}, 3, 9, 1, 2
    )
    for n in range(5)
]
FLOWS = [FlowMetric("r", BEGIN, 7, 1, 2, 3, 4, 5, 6), FlowMetric("r", BEGIN, 8, 0, 0, 0, 0, 0)]


async def slices(
    rows: Sequence[T], length: int, fails: Exception | None = None
) -> AsyncGenerator[list[T], None]:
    for begin in range(0, len(rows), length):
        yield list(rows[begin : begin + length])
    if fails is not None:
        raise fails


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def made(fails: Exception | None = None) -> dict[Series, Table]:
    return tables(NAMES, slices(LINKS, 2, fails), slices(FLOWS, 2))


def test_rows_have_names_and_all_causes_of_drops() -> None:
    first, second, *_ = link_batch(NAMES, LINKS).to_pylist()
    assert tuple(first) == COLUMNS["links"]
    assert (first["from"], first["to"], second["from"], second["to"]) == ("a", 'b"x', 'b"x', "a")
    assert (second["drops_loss"], second["drops_queue"]) == (1, 0)
    assert [second[key] for key in ("bytes", "packets", "queue", "entered", "marked", "duplicated")] == [
        *(10, 1, 3, 9, 1, 2)
    ]


def test_what_nobody_knows_has_a_number() -> None:
    (row,) = link_batch(NAMES, [LinkMetric("r", BEGIN, 6, 44, 0, 0, {}, 0)]).to_pylist()
    assert (row["link"], row["from"], row["to"]) == (6, "#44", "")


@pytest.mark.asyncio
async def test_slices_become_whole_files(tmp_path: Path) -> None:
    written = await write_tables(tmp_path, made(), ("parquet", "csv"))
    assert names(tmp_path) == sorted(path.name for path in written)
    links = pyarrow.parquet.read_table(tmp_path / "links.parquet")
    assert tuple(links.column_names) == COLUMNS["links"]
    assert [(row["time"], row["bytes"], row["drops_loss"]) for row in links.to_pylist()] == [
        (sample.time, sample.bytes, sample.drops.get("loss", 0)) for sample in LINKS
    ]
    flows = pyarrow.parquet.read_table(tmp_path / "flows.parquet").to_pylist()
    assert [row["flow"] for row in flows] == ["f, g", "#8"]
    read = pyarrow.csv.read_csv(tmp_path / "links.csv")
    assert read["bytes"].to_pylist() == [sample.bytes for sample in LINKS]
    assert read["to"].to_pylist()[:2] == ['b"x', "a"]


@pytest.mark.asyncio
async def test_files_that_could_not_be_finished_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gone"):
        await write_tables(tmp_path, made(ValueError("gone")), ("parquet", "csv"))
    assert names(tmp_path) == []


def test_a_file_that_was_there_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.csv", "old")]
    with whole_file(path) as partial:
        partial.write_text("new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.csv", "new")]


@pytest.mark.asyncio
async def test_a_document_has_all_rows() -> None:
    file = io.StringIO()
    await write_document(file, {"run": "r", "result": None}, made())
    document = json.loads(file.getvalue())
    assert list(document) == ["run", "result", "links", "flows"]
    assert [row["bytes"] for row in document["links"]] == [sample.bytes for sample in LINKS]
    assert document["flows"][0] == {
        "time": "2026-11-26T12:00:00.000250+00:00",
        "flow": "f, g",
        "bytes": 1,
        "acknowledged": 2,
        "retransmitted": 3,
        "srtt_us": 4,
        "window": 5,
        "timeouts": 6,
        "cwnd": None,
    }
    empty = io.StringIO()
    await write_document(empty, {}, tables(NAMES, slices([], 2), slices([], 2)))
    assert json.loads(empty.getvalue()) == {"links": [], "flows": []}
