"""Demands: each a group of flows that are reported on together, made here or listed among the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.scenario.demand_table import MOST_FLOWS
from nextmini.scenario.expansion.demand_checks import DemandGround, check_demand, duration_of
from nextmini.scenario.expansion.demand_flows import demand_flows
from nextmini.scenario.expansion.demand_rates import demand_rates
from nextmini.scenario.findings import key_text
from nextmini.scenario.network import Demand, Flow
from nextmini.scenario.wording import nearest, shown

if TYPE_CHECKING:
    from nextmini.scenario.demand_table import DemandEntry
    from nextmini.scenario.expansion.flows import FlowBook


@dataclass(slots=True)
class _Made:
    """What has come of the demands so far: their flows go on in numbers where those of `[[flows]]` end."""

    ground: DemandGround
    flows: list[Flow]
    names: set[str]
    demands: list[Demand]
    whole: bool
    """Whether all of `[[flows]]` are known."""


def expand_demands(
    ground: DemandGround, book: FlowBook, complete: bool, whole: bool
) -> tuple[tuple[Flow, ...], tuple[Demand, ...]]:
    """All flows of the scenario, and its demands, numbered from 1.

    Not `complete`: some demands could not be understood; not `whole`: some entries of `[[flows]]`.
    """
    made = _Made(ground, list(book.flows), {flow.name for flow in book.flows}, [], whole)
    places: dict[str, int] = {}
    for place, entry in enumerate(ground.scenario.demands):
        name = entry.name or f"demand{place + 1}"
        if name in places:
            message = f"{shown(name)} is also the name of {key_text(('demands', places[name]))}"
            ground.blame(("demands", place, "name"), message, "give each demand a name of its own")
            continue
        places[name] = place
        if check_demand(ground, entry, place):
            _expand(made, entry, name, place, book)
    if complete:
        _check_named(ground, places)
    return tuple(made.flows), tuple(made.demands)


def _expand(made: _Made, entry: DemandEntry, name: str, place: int, book: FlowBook) -> None:
    ground = made.ground
    if entry.model == "listed":
        numbers = book.demands.get(name, ())
        if not numbers and made.whole:
            message, remedy = "no flow is part of it", f'write demand = "{name}" in entries of [[flows]]'
            ground.blame(("demands", place), message, remedy)
    else:
        rates = demand_rates(ground, entry, place)
        flows = [] if rates is None else demand_flows(ground, entry, place, name, rates, len(made.flows))
        if not _fits(made, flows, place):
            return
        made.flows += flows
        made.names |= {flow.name for flow in flows}
        numbers = tuple(flow.id for flow in flows)
    duration = duration_of(ground, entry)
    made.demands.append(Demand(place + 1, name, entry.start, duration, numbers))


def _fits(made: _Made, flows: list[Flow], place: int) -> bool:
    """Whether the flows are not too many together with the others, and have names of their own."""
    if len(made.flows) + len(flows) > MOST_FLOWS:
        message = f"with these {len(flows):,} there are {len(made.flows) + len(flows):,} flows"
        made.ground.blame(("demands", place), message, f"keep to {MOST_FLOWS:,} in all")
        return False
    twice = next((flow.name for flow in flows if flow.name in made.names), None)
    if twice is not None:
        message = f"its flow {shown(twice)} has the name of another flow"
        made.ground.blame(("demands", place, "name"), message, "give the demand another name")
    return twice is None


def _check_named(ground: DemandGround, places: dict[str, int]) -> None:
    """Demands that flows name are there, and listed."""
    for place, flow in enumerate(ground.scenario.flows):
        path = ("flows", place, "demand")
        if flow.demand is None:
            continue
        if flow.demand not in places:
            meant = nearest(flow.demand, places)
            remedy = 'add it to [[demands]], with model = "listed"'
            hint = f"did you mean {shown(meant)}? " if meant else ""
            ground.blame(path, f"there is no demand {shown(flow.demand)}", f"{hint}{remedy}")
        elif ground.scenario.demands[places[flow.demand]].model != "listed":
            message = f"the demand {shown(flow.demand)} makes its flows by itself"
            ground.blame(path, message, 'remove it, or write model = "listed" there')
