"""What commands on finished runs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunsDirOption = Annotated[
    Path, typer.Option("--runs-dir", metavar="DIR", help="Where runs are looked for by their ids.")
]
RUNS_DIR = Path("runs")


def words(text: str | None) -> list[str] | None:
    """A list with commas; None for none."""
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]
