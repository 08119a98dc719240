"""A random connected graph with a given number of links.

A random recursive tree joins all nodes; further links are drawn from all other pairs with equal chances.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Literal

from pydantic import Field

from nextmini.scenario.draws import Draws
from nextmini.scenario.topology.shape import Edge, Enumerated, Refusal, Shape, everywhere


class Random(Enumerated):
    """Random links that join all nodes, as many as give them `degree` neighbours on average.

    The seed of the experiment decides which.
    """

    kind: Literal["random"]
    degree: float = Field(gt=0, le=65_535, description="Neighbours of a node, on average.", examples=[3])

    def refusals(self) -> Iterator[Refusal]:
        """Too few links to join all nodes, or more than there are pairs."""
        count, links = self.size()
        if count > 1 and not count - 1 <= links <= count * (count - 1) // 2:
            least, most = 2 * (count - 1) / count, count - 1
            wrong = f"{count} nodes cannot have {self.degree:g} neighbours on average and all be joined"
            yield Refusal("degree", wrong, f"write a number from {least:.3g} to {most}")
        yield from super().refusals()

    def size(self) -> tuple[int, int]:
        """n nodes, n * degree / 2 links."""
        return len(self.nodes), round(len(self.nodes) * self.degree / 2)

    def shape(self, seed: int) -> Shape:
        """A random tree, then random other pairs."""
        count, wanted = self.size()
        draws = Draws(seed, "topology")
        order = list(range(count))
        draws.shuffle(order)
        chosen: dict[Edge, None] = {}
        for place in range(1, count):
            chosen[_pair(order[place], order[draws.below(place)])] = None
        _add(chosen, wanted, count, draws)
        return everywhere(self.nodes, sorted(chosen))


def _pair(one: int, other: int) -> Edge:
    return (one, other) if one < other else (other, one)


def _add(chosen: dict[Edge, None], wanted: int, count: int, draws: Draws) -> None:
    """Adds pairs until there are `wanted`: by trial while most are free, else from a list of the rest."""
    pairs = count * (count - 1) // 2
    if wanted <= pairs // 2:
        while len(chosen) < wanted:
            one, other = draws.below(count), draws.below(count)
            if one != other:
                chosen[_pair(one, other)] = None
        return
    free = [pair for pair in combinations(range(count), 2) if pair not in chosen]
    for place in draws.sample(wanted - len(chosen), len(free)):
        chosen[free[place]] = None
