"""A leaf-spine fabric: every leaf switch is joined to every spine switch, and hosts to their leaf."""

from typing import Literal

from pydantic import Field

from nextmini.scenario.fields import numbered
from nextmini.scenario.topology.shape import Edge, Generated, Shape


class LeafSpine(Generated):
    """Every leaf switch (leaf1, ...) is joined to every spine switch (spine1, ...).

    At each leaf there are `hosts` hosts (h1, ...).
    """

    kind: Literal["leaf_spine"]
    leaves: int = Field(ge=1, le=65_535, description="Leaf switches.", examples=[4])
    spines: int = Field(ge=1, le=65_535, description="Spine switches.", examples=[2])
    hosts: int = Field(ge=1, le=65_535, description="Hosts at each leaf switch.", examples=[4])

    def size(self) -> tuple[int, int]:
        """A link for every host and for every pair of leaf and spine."""
        hosts = self.leaves * self.hosts
        return hosts + self.leaves + self.spines, hosts + self.leaves * self.spines

    def shape(self, seed: int) -> Shape:
        """Hosts first, then leaves, then spines."""
        hosts = self.leaves * self.hosts
        links: list[Edge] = [(host, hosts + host // self.hosts) for host in range(hosts)]
        for leaf in range(hosts, hosts + self.leaves):
            links += [(leaf, hosts + self.leaves + spine) for spine in range(self.spines)]
        names = (*numbered("h", hosts), *numbered("leaf", self.leaves), *numbered("spine", self.spines))
        return Shape(names, tuple(links), tuple(range(hosts)))
