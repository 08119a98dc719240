"""A line: each node is joined to the next."""

from typing import Literal

from nextmini.scenario.topology.shape import Enumerated, Shape, everywhere


class Line(Enumerated):
    """Each node is joined to the next."""

    kind: Literal["line"]

    def size(self) -> tuple[int, int]:
        """n nodes, n - 1 links."""
        return len(self.nodes), len(self.nodes) - 1

    def shape(self, seed: int) -> Shape:
        """The nodes in a row."""
        return everywhere(self.nodes, [(node, node + 1) for node in range(len(self.nodes) - 1)])
