"""Series as files: Parquet for programs, CSV for people, or one JSON document.

A file is there as a whole or not at all.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, aclosing, contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path
    from typing import TextIO

    import pyarrow as pa

    from nextmini.experiment.series import Series, Table

TableFormat = Literal["parquet", "csv"]


async def write_tables(
    folder: Path, tables: Mapping[Series, Table], formats: Iterable[TableFormat]
) -> list[Path]:
    """Writes each series in each of the formats; returns the files. Raises OSError."""
    written = []
    for series, table in tables.items():
        paths = [folder / f"{series}.{format}" for format in formats]
        with ExitStack() as stack:
            writers = [stack.enter_context(_table_file(path, table.schema)) for path in paths]
            async with aclosing(table.batches) as batches:
                async for batch in batches:
                    for writer in writers:
                        writer.write_batch(batch)
        written += paths
    return written


async def write_document(file: TextIO, head: Mapping[str, Any], tables: Mapping[Series, Table]) -> None:
    """Writes one JSON object: what is in `head`, and each series as a list of objects. Raises OSError."""
    file.write("{")
    for key, value in head.items():
        file.write(f"\n  {json.dumps(key)}: {_json(value)},")
    for place, (series, table) in enumerate(tables.items()):
        file.write(f'{"," if place else ""}\n  "{series}": [')
        first = True
        async with aclosing(table.batches) as batches:
            async for batch in batches:
                for row in batch.to_pylist():
                    file.write(("\n    " if first else ",\n    ") + _json(row))
                    first = False
        file.write("\n  ]")
    file.write("\n}\n")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write what is to be the file at `path` once all is well."""
    partial = path.with_name(f"{path.name}.part")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _table_file(path: Path, schema: pa.Schema) -> Iterator[Any]:
    """A writer with a method `write_batch`."""
    import pyarrow.csv
    import pyarrow.parquet

    kind = pyarrow.parquet.ParquetWriter if path.suffix == ".parquet" else pyarrow.csv.CSVWriter
    with whole_file(path) as partial, kind(partial, schema) as writer:
        yield writer


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_time)


def _time(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")
