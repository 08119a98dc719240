"""How often Python looks for garbage while an experiment runs.

A large network is hundreds of thousands of objects that stay. Looking through them again and again, as
Python does while their number grows, was a third of a controller's CPU time at the start of 10,000 links, and
held up everything else each time.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NEW_OBJECTS = 10_000
"""After how many more that are there Python looks at the new ones."""

_before: list[tuple[int, int, int]] = []
"""What was set before each experiment of this process that runs."""


@contextmanager
def seldom() -> Iterator[None]:
    """Has Python look less often, unless somebody has it look even less, or not at all."""
    now = gc.get_threshold()
    _before.append(now)
    if 0 < now[0] < NEW_OBJECTS:
        gc.set_threshold(NEW_OBJECTS, *now[1:])
    try:
        yield
    finally:
        if len(_before) > 1:
            # Another one runs, begun before or after this one: the last one to end sets all back.
            del _before[-1]
        else:
            gc.set_threshold(*_before.pop())
