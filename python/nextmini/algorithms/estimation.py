"""What flows would send if only their own machines bounded them (Hedera: M. Al-Fares et al., NSDI 2010).

A flow that the network holds back shows a small rate; where it is placed has to be decided by what it would
take. Senders share what they have among their flows, receivers turn down what is too much for them, and both
again until nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

F = TypeVar("F", bound="Hashable")

_LEAST_CHANGE = 1e-9
_MOST_ROUNDS = 1000


@dataclass(slots=True)
class _Estimate:
    source: int
    destination: int
    demand: float = 0.0
    converged: bool = False
    limited: bool = False
    """By its receiver."""


def natural_demands(ends: Mapping[F, tuple[int, int]]) -> dict[F, float]:
    """The share of its machines' rate that each flow, given by (source, destination), would take: 0 to 1.

    Every machine sends and receives with a rate of 1.
    """
    flows = {flow: _Estimate(*pair) for flow, pair in ends.items()}
    for _ in range(_MOST_ROUNDS):
        before = [one.demand for one in flows.values()]
        for source in {one.source for one in flows.values()}:
            _send([one for one in flows.values() if one.source == source])
        for destination in {one.destination for one in flows.values()}:
            _receive([one for one in flows.values() if one.destination == destination])
        after = [one.demand for one in flows.values()]
        if all(abs(a - b) < _LEAST_CHANGE for a, b in zip(before, after, strict=True)):
            break
    return {flow: one.demand for flow, one in flows.items()}


def _send(flows: list[_Estimate]) -> None:
    """A sender gives what is left beside converged flows to the others, in equal shares."""
    settled = sum(one.demand for one in flows if one.converged)
    others = [one for one in flows if not one.converged]
    for one in others:
        one.demand = max(0.0, 1.0 - settled) / len(others)


def _receive(flows: list[_Estimate]) -> None:
    """A receiver that is asked for too much gives equal shares to those that ask for more than that."""
    if sum(one.demand for one in flows) <= 1.0 + _LEAST_CHANGE:
        return
    limited, rest = list(flows), 1.0
    share = rest / len(limited)
    while small := [one for one in limited if one.demand < share - _LEAST_CHANGE]:
        rest -= sum(one.demand for one in small)
        limited = [one for one in limited if one not in small]
        share = rest / len(limited)
    for one in limited:
        one.demand, one.converged = share, True
