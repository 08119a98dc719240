"""A tree in which every node but the leaves has as many children, like Mininet's `--topo tree`."""

from typing import Literal

from pydantic import Field

from nextmini.scenario.topology.shape import Shape, Shaped, everywhere


class Tree(Shaped):
    """The first node is the root; every node has `fanout` children, down to `depth`.

    Nodes are counted level by level.
    """

    kind: Literal["tree"]
    depth: int = Field(ge=1, le=16, description="Links from the root to a leaf.", examples=[2])
    fanout: int = Field(ge=1, le=65_534, description="Children of a node.", examples=[3])

    def size(self) -> tuple[int, int]:
        """1 + fanout + ... + fanout^depth nodes, one link fewer."""
        count = sum(self.fanout**level for level in range(self.depth + 1))
        return count, count - 1

    def shape(self, seed: int) -> Shape:
        """The parent of node i, counted from 0, is (i - 1) // fanout."""
        count, _ = self.size()
        return everywhere(self.names(), [((node - 1) // self.fanout, node) for node in range(1, count)])
