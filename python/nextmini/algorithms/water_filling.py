"""Max-min fair rates by water-filling (D. Bertsekas, R. Gallager: Data Networks, 1992, section 6.5.2).

All rates rise together, each flow's in proportion to its weight, until a link is full; the flows over it keep
what they have, and the others go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping

L = TypeVar("L", bound="Hashable")
F = TypeVar("F", bound="Hashable")


@dataclass(frozen=True, slots=True)
class Claim(Generic[L]):
    """What a flow wants."""

    links: Collection[L]
    """Those that it crosses; others than those with a capacity do not bound it."""
    weight: float = 1.0
    limit: float | None = None
    """The most that it can use."""


def max_min_rates(capacities: Mapping[L, float], claims: Mapping[F, Claim[L]]) -> dict[F, float | None]:
    """The rate of each flow in the unit of the capacities; None where nothing bounds it."""
    left = dict(capacities)
    rising: dict[F, Claim[L]] = dict(claims)
    level = 0.0
    rates: dict[F, float | None] = {}
    while rising:
        weights: dict[L, float] = {}
        for claim in rising.values():
            for link in set(claim.links) & left.keys():
                weights[link] = weights.get(link, 0.0) + claim.weight
        steps = {link: max(left[link], 0.0) / weight for link, weight in weights.items()}
        limits = {
            flow: claim.limit / claim.weight - level
            for flow, claim in rising.items()
            if claim.limit is not None
        }
        step = min((*steps.values(), *limits.values()), default=None)
        if step is None:
            return rates | dict.fromkeys(rising)
        step = max(step, 0.0)
        level += step
        # Whatever is the smallest now is exactly so: no other of the same size is missed by rounding.
        full = {link for link, room in steps.items() if room <= step * (1 + 1e-12)}
        for link, weight in weights.items():
            left[link] = 0.0 if link in full else left[link] - step * weight
        for flow, claim in list(rising.items()):
            if not full.isdisjoint(claim.links) or limits.get(flow, step + 1) <= step * (1 + 1e-12):
                rates[flow] = level * claim.weight
                del rising[flow]
    return rates
