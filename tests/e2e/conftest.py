"""A `nextmini` program for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path)
    yield made
    # A test that has failed must not leave what is the machine's, such as namespaces.
    if any((made.state / "experiments").glob("*.lock")):
        made.run("down", "--all")
        made.run("cleanup")
