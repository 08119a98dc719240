"""The flows of a demand: constant ones, or flows that arrive as a Poisson process."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from nextmini.scenario.draws import Draws
from nextmini.scenario.expansion.demand_checks import duration_of
from nextmini.scenario.network import UDP_HEADERS, Flow
from nextmini.scenario.units import format_time
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.scenario.demand_table import DemandEntry
    from nextmini.scenario.expansion.demand_checks import DemandGround
    from nextmini.scenario.expansion.demand_rates import Pair, Rates
    from nextmini.scenario.flow_sizes import FlowSizes

_LONGEST_NAME = 63
_MARGIN = 6
"""Standard deviations by which the flows that arrive are hardly ever more than expected."""


class Arrival(NamedTuple):
    """A flow that arrives: when, in seconds from the beginning, which way, and how many bytes it has."""

    at: float
    pair: Pair
    size: int


def demand_flows(
    ground: DemandGround, entry: DemandEntry, place: int, name: str, rates: Rates, before: int
) -> list[Flow]:
    """The flows, numbered on from `before`, in the order in which they start; none and a finding if not."""
    if entry.sizes is None:
        wanted = _constant(ground, entry, place, rates)
    else:
        wanted = _arriving(ground, entry, place, name, rates, entry.sizes)
    flows = []
    for count, one in enumerate(wanted, 1):
        nodes = ground.cast.nodes
        called = f"{name}-{nodes[one.source - 1].name}-{nodes[one.destination - 1].name}-{count}"
        if len(called) > _LONGEST_NAME:
            message = f"its flow {shown(called)} would have a name of {len(called)} characters"
            remedy = f"write a shorter name; {_LONGEST_NAME} characters are possible in all"
            ground.blame(("demands", place, "name"), message, remedy)
            return []
        flows.append(_flow(ground, entry, one, before + count, called))
    return flows


class _Wanted(NamedTuple):
    """What is particular to a flow; `rate` is in bit/s, `size` in bytes, times are in seconds."""

    source: int
    destination: int
    size: int | None
    duration: float | None
    rate: int | None
    start: float


def _flow(ground: DemandGround, entry: DemandEntry, one: _Wanted, id: int, name: str) -> Flow:
    return Flow(
        id=id,
        name=name,
        source=one.source,
        destination=one.destination,
        kind=entry.kind,
        mode="normal",
        size=one.size,
        duration=one.duration,
        rate=one.rate,
        weight=1,
        start=one.start,
        packet_size=ground.scenario.network.mtu - UDP_HEADERS if entry.kind == "udp" else None,
        congestion=entry.congestion if entry.kind == "tcp" else None,
        family="ipv4" if entry.kind == "tcp" else None,
    )


def _constant(ground: DemandGround, entry: DemandEntry, place: int, rates: Rates) -> list[_Wanted]:
    """A flow for each pair whose rate is at least half a bit a second."""
    whole = {pair: round(rate) for pair, rate in rates.items() if round(rate) > 0}
    if not whole:
        message, remedy = "every pair has less than 1 bit/s", "write a higher rate"
        ground.blame(("demands", place), message, remedy)
    if len(whole) > entry.most:
        _too_many(ground, entry, place, f"it would be {len(whole):,} flows", len(whole))
        return []
    return [_Wanted(*pair, None, entry.duration, rate, entry.start) for pair, rate in whole.items()]


def _arriving(
    ground: DemandGround, entry: DemandEntry, place: int, name: str, rates: Rates, sizes: FlowSizes
) -> list[_Wanted]:
    duration = duration_of(ground, entry) or 0.0
    expected = sum(rates.values()) * duration / (8 * sizes.mean)
    if expected > entry.most:
        _too_many(ground, entry, place, f"it would be about {math.ceil(expected):,} flows", expected)
        return []
    draws = Draws(ground.scenario.experiment.seed, "demands", name)
    found = list(arrivals(rates, sizes, duration, draws))
    if len(found) > entry.most:
        _too_many(ground, entry, place, f"it would be {len(found):,} flows", len(found))
        return []
    if not found:
        message = f"no flow arrives within {format_time(duration)}: {expected:.2g} are to be expected"
        ground.blame(("demands", place), message, "write a longer duration, a higher rate or smaller sizes")
    return [_Wanted(*one.pair, one.size, None, entry.rate, round(entry.start + one.at, 6)) for one in found]


def arrivals(rates: Rates, sizes: FlowSizes, duration: float, draws: Draws) -> Iterator[Arrival]:
    """What arrives within `duration` seconds, in order: a Poisson process for each pair with its rate.

    Together these are one process, of which each arrival belongs to a pair with the chance of the pair's
    share of all rates.
    """
    pairs, sums = list(rates), list(accumulate(rates.values()))
    between = 8 * sizes.mean / sums[-1]
    at = draws.exponential(between)
    while at < duration:
        chosen = min(bisect_right(sums, draws.share() * sums[-1]), len(pairs) - 1)
        yield Arrival(at, pairs[chosen], sizes.at(draws.share()))
        at += draws.exponential(between)


def _too_many(ground: DemandGround, entry: DemandEntry, place: int, message: str, flows: float) -> None:
    remedy = "write a shorter duration, lower rates or larger sizes"
    if entry.sizes is None:
        remedy = "name fewer nodes"
    # Some more than expected: what arrives varies.
    enough = math.ceil(flows + (_MARGIN * math.sqrt(flows) if entry.sizes is not None else 0))
    ground.blame(
        ("demands", place), f"{message}, and `most` is {entry.most:,}", f"{remedy}, or most = {enough}"
    )
