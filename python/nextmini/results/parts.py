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
            yield from opened.iter_batches(columns=columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise ResultError(f"{file} cannot be read: {error}") from error
