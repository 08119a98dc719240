"""A topology of the links that the scenario lists, and no others."""

from typing import Literal

from pydantic import Field

from nextmini.scenario.fields import Nodes
from nextmini.scenario.topology.shape import Shape, Topology, everywhere


class Custom(Topology):
    """The links of `[[links]]` and no others. This is the kind of a scenario without `[topology]`."""

    kind: Literal["custom"]
    nodes: Nodes | None = Field(
        default=None,
        description="The nodes: how many, or their names. Without it: those of `[[nodes]]`.",
        examples=[["a", "b", "c"]],
    )

    def size(self) -> tuple[int, int]:
        """As many nodes as are named here."""
        return len(self.nodes or ()), 0

    def shape(self, seed: int) -> Shape:
        """The nodes that are named here, and no link."""
        return everywhere(self.nodes or (), [])
