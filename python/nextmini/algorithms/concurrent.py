"""Maximum concurrent multi-commodity flow, as a linear program (F. Shahrokhi and D. W. Matula, 1990).

It finds the largest share of all demands that fits the network at the same time, and which paths carry it.
Commodities with the same source are one, so there are as many variables as sources times links. Solved by
HiGHS in scipy, which the extra `nextmini[lp]` brings.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nextmini.errors import PrerequisiteError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.algorithms.graph import Pair, Path

_NOTHING = 1e-9
"""Of the whole: what a solver leaves where there is nothing."""


@dataclass(frozen=True, slots=True)
class ConcurrentFlow:
    """The best there is."""

    share: float
    """Of every demand, that fits at the same time; more than 1 where there is room to spare."""
    paths: Mapping[Pair, Mapping[Path, float]]
    """The share of each pair's traffic on each of its paths; they add up to 1."""


def concurrent_flow(capacities: Mapping[Pair, float], demands: Mapping[Pair, float]) -> ConcurrentFlow:
    """`capacities` are of arcs (from, to) and `demands` of pairs (source, destination), in the same unit.

    Raises PrerequisiteError if scipy is not there, ValueError for demands that no path can carry.
    """
    wanted = {pair: demand for pair, demand in demands.items() if demand > 0 and pair[0] != pair[1]}
    if not wanted:
        return ConcurrentFlow(float("inf"), {})
    widest, largest = max(capacities.values(), default=0.0), max(wanted.values())
    if widest <= 0:
        raise ValueError("no link has a capacity")
    # A solver takes what is very small for nothing: both are counted in units of their own.
    shares = {pair: demand / largest for pair, demand in wanted.items()}
    share, carried = _Program({arc: c / widest for arc, c in capacities.items()}, shares).solve()
    if share <= _NOTHING:
        raise ValueError("some demand has no path between its ends")
    paths = {pair: _decompose(carried[pair[0]], pair, demand * share) for pair, demand in shares.items()}
    return ConcurrentFlow(share * widest / largest, paths)


class _Program:
    """Variables: what of each source is on each arc, source by source, and the share, which is the last."""

    def __init__(self, capacities: Mapping[Pair, float], demands: Mapping[Pair, float]) -> None:
        self._arcs = sorted(capacities)
        self._capacities = [capacities[arc] for arc in self._arcs]
        self._sources = sorted({source for source, _ in demands})
        ends = {node for arc in self._arcs for node in arc} | {node for pair in demands for node in pair}
        self._nodes = {node: index for index, node in enumerate(sorted(ends))}
        self._demands = demands

    def solve(self) -> tuple[float, dict[int, dict[Pair, float]]]:
        """The share, and what of each source is on each arc, by as few arcs as it takes."""
        size = len(self._sources) * len(self._arcs) + 1
        most = [0.0] * (size - 1) + [-1.0]
        share = float(self._minimise(most, (0.0, None))[-1])
        # Again, with the share as it is: without this, traffic could go round in circles where there is room.
        fixed = share * (1 - 1e-9)
        least = [1.0] * (size - 1) + [0.0]
        values = self._minimise(least, (fixed, fixed))
        carried: dict[int, dict[Pair, float]] = {}
        for number, source in enumerate(self._sources):
            part = values[number * len(self._arcs) : (number + 1) * len(self._arcs)]
            carried[source] = {
                arc: float(value) for arc, value in zip(self._arcs, part, strict=True) if value > _NOTHING
            }
        return share, carried

    def _minimise(self, objective: list[float], share: tuple[float, float | None]) -> Any:
        try:
            from scipy.optimize import linprog
            from scipy.sparse import coo_array
        except ImportError as error:
            raise PrerequisiteError(
                "the linear program needs scipy, which is not installed", "pip install 'nextmini[lp]'"
            ) from error
        arcs, sources, nodes = len(self._arcs), len(self._sources), len(self._nodes)
        size = sources * arcs + 1
        balance = self._balance()
        load = [(a, s * arcs + a, 1.0) for s in range(sources) for a in range(arcs)]

        def matrix(entries: list[tuple[int, int, float]], rows: int) -> Any:
            columns = tuple(zip(*entries, strict=True)) or ((), (), ())
            return coo_array((columns[2], (columns[0], columns[1])), shape=(rows, size)).tocsr()

        found = linprog(
            objective,
            A_ub=matrix(load, arcs),
            b_ub=self._capacities,
            A_eq=matrix(balance, sources * nodes),
            b_eq=[0.0] * (sources * nodes),
            bounds=[(0.0, None)] * (size - 1) + [share],
            method="highs",
        )
        if not found.success:
            raise ValueError(f"the linear program has no solution: {found.message}")
        return found.x

    def _balance(self) -> list[tuple[int, int, float]]:
        """Of each source at each node: what comes in, less what goes out, is the share of what it is due."""
        arcs, nodes = len(self._arcs), len(self._nodes)
        last = len(self._sources) * arcs
        entries = []
        for number, source in enumerate(self._sources):
            for index, (one, other) in enumerate(self._arcs):
                column = number * arcs + index
                entries.append((number * nodes + self._nodes[one], column, -1.0))
                entries.append((number * nodes + self._nodes[other], column, 1.0))
            due = {to: demand for (of, to), demand in self._demands.items() if of == source}
            for node, demand in due.items():
                entries.append((number * nodes + self._nodes[node], last, -demand))
            entries.append((number * nodes + self._nodes[source], last, sum(due.values())))
        return entries


def _decompose(carried: dict[Pair, float], pair: Pair, amount: float) -> dict[Path, float]:
    """Takes `amount` out of what one source sends, by the widest paths first."""
    left = amount
    paths: dict[Path, float] = {}
    while left > amount * 1e-6:
        found = _widest(carried, pair)
        if found is None:
            break
        path, width = found
        width = min(width, left)
        for arc in pairwise(path):
            carried[arc] -= width
            if carried[arc] <= _NOTHING:
                del carried[arc]
        paths[path] = paths.get(path, 0.0) + width
        left -= width
    total = sum(paths.values())
    return {path: width / total for path, width in paths.items()}


def _widest(carried: Mapping[Pair, float], pair: Pair) -> tuple[Path, float] | None:
    """The path whose narrowest arc is the widest (Dijkstra's algorithm with that in place of the length)."""
    source, destination = pair
    onward: dict[int, list[tuple[int, float]]] = {}
    for (one, other), width in sorted(carried.items()):
        onward.setdefault(one, []).append((other, width))
    widths, before = {source: float("inf")}, {}  # by node
    open_nodes = {source}
    closed: set[int] = set()
    while open_nodes:
        node = max(open_nodes, key=lambda one: (widths[one], -one))
        open_nodes.discard(node)
        closed.add(node)
        if node == destination:
            break
        for other, width in onward.get(node, ()):
            wide = min(width, widths[node])
            if other not in closed and wide > widths.get(other, 0.0):
                widths[other], before[other] = wide, node
                open_nodes.add(other)
    if destination not in widths:
        return None
    path = [destination]
    while path[-1] != source:
        path.append(before[path[-1]])
    return tuple(reversed(path)), widths[destination]
