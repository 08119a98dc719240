"""A grid in one or more dimensions: neighbours in each dimension are joined."""

from math import prod
from typing import Annotated, Literal

from pydantic import Field, Strict

from nextmini.scenario.topology.shape import Edge, Shape, Shaped, everywhere

Side = Annotated[int, Field(ge=1)]
Dimensions = Annotated[tuple[Side, ...], Strict(False)]


class Grid(Shaped):
    """Neighbours in each dimension are joined. Nodes are counted row by row, the last dimension first."""

    kind: Literal["grid"]
    dimensions: Dimensions = Field(
        min_length=1,
        max_length=6,
        description="Nodes in each dimension: rows and columns.",
        examples=[[3, 4]],
    )

    def size(self) -> tuple[int, int]:
        """In each dimension of s nodes, s - 1 links for every row of it."""
        count = prod(self.dimensions)
        return count, sum(count // side * (side - 1) for side in self.dimensions)

    def shape(self, seed: int) -> Shape:
        """Every node with its next neighbour in each dimension."""
        return everywhere(self.names(), lattice(self.dimensions, around=False))


def lattice(dimensions: tuple[int, ...], *, around: bool) -> list[Edge]:
    """The links of a grid, or with `around` of a torus, where the last of a row is joined to its first."""
    edges: list[Edge] = []
    for node in range(prod(dimensions)):
        stride = 1
        for side in reversed(dimensions):
            place = node // stride % side
            if place + 1 < side:
                edges.append((node, node + stride))
            elif around:
                edges.append((node, node - place * stride))
            stride *= side
    return edges
