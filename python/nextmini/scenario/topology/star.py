"""A star: one node in the middle."""

from typing import Literal

from nextmini.scenario.topology.shape import Enumerated, Shape, everywhere


class Star(Enumerated):
    """The first node is joined to every other."""

    kind: Literal["star"]

    def size(self) -> tuple[int, int]:
        """n nodes, n - 1 links."""
        return len(self.nodes), len(self.nodes) - 1

    def shape(self, seed: int) -> Shape:
        """The first node with the others around it."""
        return everywhere(self.nodes, [(0, node) for node in range(1, len(self.nodes))])
