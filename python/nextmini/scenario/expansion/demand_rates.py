"""How much each pair of nodes is to send, in bit/s: by a demand's matrix or its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.demand_table import MOST_FLOWS
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.scenario.demand_table import DemandEntry
    from nextmini.scenario.expansion.demand_checks import DemandGround
    from nextmini.scenario.matrix import Matrix

Pair = tuple[int, int]
Rates = dict[Pair, float]
"""Of (source, destination); no pair has a rate of 0."""
_LARGEST = 2**63 - 1


def demand_rates(ground: DemandGround, entry: DemandEntry, place: int) -> Rates | None:
    """What each pair sends, or None and a finding if that cannot be said, or is nothing."""
    before = len(ground.findings)
    nodes = _nodes(ground, entry, place)
    if nodes is None:
        return None
    if entry.matrix is not None:
        rates = _of_matrix(ground, entry, place, entry.matrix, nodes)
    else:
        rates = _of_model(ground, entry, place, nodes)
    if len(ground.findings) > before or not ground.cast.complete:
        return None
    rates = {pair: rate * entry.scale for pair, rate in rates.items() if rate > 0}
    return rates if _possible(ground, entry, place, rates) else None


def gravity(total: float, masses: Mapping[int, float]) -> Rates:
    """`total` shared among all ordered pairs, in proportion to the product of their masses."""
    whole = sum(masses.values())
    # The sum of the products over all pairs of two different nodes.
    products = whole * whole - sum(mass * mass for mass in masses.values())
    if products <= 0:
        return {}
    return {
        (one, other): total * mass * others / products
        for one, mass in masses.items()
        for other, others in masses.items()
        if one != other
    }


def gravity_by_source(each: float, masses: Mapping[int, float]) -> Rates:
    """What each node with a mass sends, `each`, shared among the others in proportion to their masses."""
    whole = sum(masses.values())
    return {
        (one, other): each * others / (whole - mass)
        for one, mass in masses.items()
        for other, others in masses.items()
        if one != other and mass > 0 and whole > mass
    }


def _nodes(ground: DemandGround, entry: DemandEntry, place: int) -> list[int] | None:
    """The nodes that it names, or those that a model has without."""
    if entry.nodes is None:
        return ground.hosts
    found = [
        ground.cast.number(name, ("demands", place, "nodes", spot), ground.findings)
        for spot, name in enumerate(entry.nodes)
    ]
    numbers = [number for number in found if number is not None]
    return numbers if len(numbers) == len(found) else None


def _of_model(ground: DemandGround, entry: DemandEntry, place: int, nodes: list[int]) -> Rates:
    pairs = len(nodes) * (len(nodes) - 1)
    if pairs > MOST_FLOWS:
        message = f"{len(nodes):,} nodes have {pairs:,} pairs"
        ground.blame(
            ("demands", place, "nodes"), message, f"name fewer nodes, with at most {MOST_FLOWS:,} pairs"
        )
        return {}
    masses = _masses(ground, entry, place, nodes)
    if entry.load is not None and entry.capacity is not None:
        return gravity_by_source(entry.load * entry.capacity, masses)
    return gravity(entry.total or 0, masses)


def _masses(ground: DemandGround, entry: DemandEntry, place: int, nodes: list[int]) -> dict[int, float]:
    """How much each node sends and receives as compared with others."""
    if entry.masses == "degree":
        return {node: float(ground.ways.degree(node)) for node in nodes}
    if entry.masses == "population":
        return _populations(ground, place, nodes)
    masses = dict.fromkeys(nodes, 1.0)
    for name, mass in (entry.masses or {}).items():
        path = ("demands", place, "masses", name)
        number = ground.cast.number(name, path, ground.findings)
        if number is not None and number not in masses:
            message = f"{shown(name)} is not one of the nodes of this demand"
            ground.blame(path, message, "remove it, or add it to `nodes`")
        elif number is not None:
            masses[number] = mass
    return masses


def _populations(ground: DemandGround, place: int, nodes: list[int]) -> dict[int, float]:
    """What the file of the topology says; a node without a number is refused."""
    known = ground.scenario.topology.populations()
    masses: dict[int, float] = {}
    for node in nodes:
        name = ground.cast.nodes[node - 1].name
        population = known.get(name)
        if population is None:
            message = f"nothing says the population of {shown(name)}"
            remedy = 'give nodes a `population` in the file of the topology, or write masses = "degree"'
            ground.blame(("demands", place, "masses"), message, remedy)
            return {}
        masses[node] = population
    return masses


def _of_matrix(
    ground: DemandGround, entry: DemandEntry, place: int, matrix: Matrix, nodes: list[int]
) -> Rates:
    path = ("demands", place, "matrix")
    numbers: dict[str, int] = {}
    aliases = ground.scenario.topology.aliases()
    for name, line in matrix.nodes:
        before = len(ground.findings)
        known = name if name in ground.cast.numbers else aliases.get(name, name)
        number = ground.cast.number(known, path, ground.findings)
        if len(ground.findings) > before:
            # One finding is enough: a matrix of another network has none of the nodes.
            ground.findings[-1] = ground.findings[-1]._replace(place=(matrix.file, line))
            return {}
        if number is not None:
            numbers[name] = number
    wanted = set(numbers.values()) if entry.nodes is None else set(nodes)
    missing = sorted(wanted - set(numbers.values()))
    if missing and ground.cast.complete:
        name = ground.cast.nodes[missing[0] - 1].name
        message = f"the matrix says nothing of {shown(name)}"
        ground.blame(("demands", place, "nodes"), message, "remove it, or add it to the matrix")
    return {
        (numbers[cell.source], numbers[cell.destination]): cell.rate
        for cell in matrix.cells
        if numbers.get(cell.source) in wanted and numbers.get(cell.destination) in wanted
    }


def _possible(ground: DemandGround, entry: DemandEntry, place: int, rates: Rates) -> bool:
    """There is something to send, and all of it can arrive."""
    if not rates:
        message = "there is nothing to send: no pair of its nodes has a rate"
        ground.blame(("demands", place), message, "give it at least two nodes with a rate between them")
        return False
    if sum(rates.values()) > _LARGEST:
        ground.blame(("demands", place), "its rates are too large", f"keep to {_LARGEST} bit/s in all")
        return False
    where = "nodes" if entry.nodes is not None else "matrix" if entry.matrix is not None else "model"
    for pair in rates:
        why = ground.ways.blocked(*pair)
        if why is not None:
            ground.blame(("demands", place, where), *why)
            return False
    return True
