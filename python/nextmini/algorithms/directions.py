"""A direction of a link, from the words and types of a scenario to what an algorithm sees."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nextmini.algorithms.rows import Direction
from nextmini.errors import DecisionError
from nextmini.scenario.changing import understood
from nextmini.scenario.direction import merged
from nextmini.scenario.findings import key_text
from nextmini.scenario.impairments import RandomLoss

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.scenario.direction import Direction as Known


# Most links of a network are alike.
@lru_cache(maxsize=4096)
def direction_row(known: Known) -> Direction:
    """What an algorithm sees of a direction."""
    loss: float | None = 0.0
    if known.loss is not None:
        plain = isinstance(known.loss, RandomLoss) and not known.loss.correlation
        loss = known.loss.probability if plain and isinstance(known.loss, RandomLoss) else None
    rate = None if known.rate is None else float(known.rate)
    return Direction(rate, known.delay, loss, MappingProxyType(known.texts()))


def changed_direction(direction: Direction, said: Mapping[str, Any], mtu: int, where: str) -> Direction:
    """The direction after this was said of it. Raises DecisionError if it cannot be so."""
    known, found = understood(merged(direction.settings, said), mtu)
    if known is None:
        first = found[0]
        raise DecisionError(f"{where}: {key_text(first.path)}: {first.message}", first.remedy)
    return direction_row(known)
