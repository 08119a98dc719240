"""Series files, a part at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.results.finding import ResultError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa


def parts(file: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows of a series, with these columns. Raises ResultError if the file is none."""
    import pyarrow as pa
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as opened:
            missing = [column for column in columns if column not in opened.schema_arrow.names]
            if missing:
                raise ResultError(f"{file} has no column {missing[0]}", "it is not of this version")
            yield from opened.iter_batches(columns=columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise ResultError(f"{file} cannot be read: {error}") from error
