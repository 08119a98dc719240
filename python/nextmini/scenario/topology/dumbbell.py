"""A dumbbell: hosts on two sides that share one link, the usual picture of a bottleneck."""

from typing import Literal

from pydantic import Field

from nextmini.scenario.fields import numbered
from nextmini.scenario.topology.shape import Edge, Generated, Shape


class Dumbbell(Generated):
    """Hosts left1, ... at router1, hosts right1, ... at router2, and one link between the routers."""

    kind: Literal["dumbbell"]
    left: int = Field(ge=1, le=65_535, description="Hosts on the left.", examples=[2])
    right: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="Hosts on the right. Without it: as many as on the left.",
        examples=[2],
    )

    def size(self) -> tuple[int, int]:
        """All hosts and two routers."""
        hosts = self.left + (self.right or self.left)
        return hosts + 2, hosts + 1

    def shape(self, seed: int) -> Shape:
        """Hosts on the left, hosts on the right, then the two routers."""
        right = self.right or self.left
        hosts = self.left + right
        links: list[Edge] = [(host, hosts) for host in range(self.left)]
        links += [(host, hosts + 1) for host in range(self.left, hosts)]
        links.append((hosts, hosts + 1))
        names = (*numbered("left", self.left), *numbered("right", right), "router1", "router2")
        return Shape(names, tuple(links), tuple(range(hosts)))
