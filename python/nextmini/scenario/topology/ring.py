"""A ring: a line whose last node is joined to its first."""

from typing import Literal

from nextmini.scenario.topology.shape import Enumerated, Shape, everywhere


class Ring(Enumerated):
    """Each node is joined to the next, and the last one to the first. At least 3 nodes."""

    kind: Literal["ring"]

    def least(self) -> int:
        """With 2 nodes the same pair would be joined twice."""
        return 3

    def size(self) -> tuple[int, int]:
        """n nodes, n links."""
        return len(self.nodes), len(self.nodes)

    def shape(self, seed: int) -> Shape:
        """The nodes in a circle."""
        count = len(self.nodes)
        return everywhere(self.nodes, [(node, (node + 1) % count) for node in range(count)])
