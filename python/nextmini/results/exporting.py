"""Series of finished runs, and JSON documents of any."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextmini.experiment.series import SERIES, Table, schema
from nextmini.experiment.series_files import whole_file, write_document
from nextmini.results.parts import parts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from typing import TextIO

    import pyarrow as pa

    from nextmini.experiment.series import Series
    from nextmini.results.finding import RunFiles


def finished_tables(run: RunFiles) -> dict[Series, Table]:
    """Both series. Raises ResultError if they are not there."""
    files = {series: run.series(series) for series in SERIES}
    return {series: Table(schema(series), _batches(files[series], series)) for series in SERIES}


async def _batches(file: Path, series: Series) -> AsyncGenerator[pa.RecordBatch, None]:
    for batch in parts(file, list(schema(series).names)):
        yield batch


async def write_json(to: Path | TextIO, head: Mapping[str, Any], tables: Mapping[Series, Table]) -> None:
    """Writes one JSON document, as a whole if it is a file. Raises OSError."""
    if not isinstance(to, Path):
        await write_document(to, head, tables)
        return
    with whole_file(to) as partial, partial.open("w", encoding="utf-8") as file:
        await write_document(file, head, tables)
