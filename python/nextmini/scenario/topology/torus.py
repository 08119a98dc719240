"""A torus: a grid whose rows are rings, in every dimension."""

from collections.abc import Iterator
from math import prod
from typing import Literal

from pydantic import Field

from nextmini.scenario.topology.grid import Dimensions, lattice
from nextmini.scenario.topology.shape import Refusal, Shape, Shaped, everywhere


class Torus(Shaped):
    """A grid in which the last node of every row is joined to its first, in each dimension.

    At least 3 nodes in each.
    """

    kind: Literal["torus"]
    dimensions: Dimensions = Field(
        min_length=1,
        max_length=6,
        description="Nodes in each dimension: rows and columns.",
        examples=[[4, 4]],
    )

    def refusals(self) -> Iterator[Refusal]:
        """With 2 nodes in a dimension the same pair would be joined twice."""
        if min(self.dimensions) < 3:
            few = f"a torus needs at least 3 nodes in each dimension, this one has {min(self.dimensions)}"
            yield Refusal("dimensions", few, "write a larger number, or leave the dimension out")
        yield from super().refusals()

    def size(self) -> tuple[int, int]:
        """A link for every node and dimension."""
        count = prod(self.dimensions)
        return count, count * len(self.dimensions)

    def shape(self, seed: int) -> Shape:
        """Every node with its next neighbour in each dimension, around the edge."""
        return everywhere(self.names(), lattice(self.dimensions, around=True))
