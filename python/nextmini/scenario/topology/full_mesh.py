"""A full mesh: every node is joined to every other."""

from itertools import combinations
from typing import Literal

from nextmini.scenario.topology.shape import Enumerated, Shape, everywhere


class FullMesh(Enumerated):
    """Every node is joined to every other."""

    kind: Literal["full_mesh"]

    def size(self) -> tuple[int, int]:
        """n nodes, n (n - 1) / 2 links."""
        count = len(self.nodes)
        return count, count * (count - 1) // 2

    def shape(self, seed: int) -> Shape:
        """All pairs."""
        return everywhere(self.nodes, list(combinations(range(len(self.nodes)), 2)))
