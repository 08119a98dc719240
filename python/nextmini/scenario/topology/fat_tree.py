"""A k-ary fat tree of switches with k ports.

Source: Al-Fares, Loukissas, Vahdat: A scalable, commodity data center network architecture, SIGCOMM 2008.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from nextmini.scenario.fields import numbered
from nextmini.scenario.topology.shape import Edge, Generated, Refusal, Shape


class FatTree(Generated):
    """Pods of switches under a core, as in data centres.

    There are k pods of k/2 aggregation switches (agg1, ...) and k/2 edge switches (edge1, ...), (k/2)² core
    switches (core1, ...), and k/2 hosts (h1, ...) at each edge switch.
    """

    kind: Literal["fat_tree"]
    k: int = Field(
        ge=2,
        le=62,
        description="Ports of a switch: an even number. k³/4 hosts, 5k²/4 switches.",
        examples=[4],
    )

    def refusals(self) -> Iterator[Refusal]:
        """Half of a switch's ports go up, so their number is even."""
        if self.k % 2:
            yield Refusal("k", f"{self.k} is odd", f"write an even number, as in {self.k + 1}")
            return
        yield from super().refusals()

    def size(self) -> tuple[int, int]:
        """k^3/4 hosts and 5k^2/4 switches; k^3/4 links in each of three layers."""
        hosts = self.k**3 // 4
        return hosts + 5 * self.k**2 // 4, 3 * hosts

    def shape(self, seed: int) -> Shape:
        """Hosts first, then edge, aggregation and core switches."""
        half = self.k // 2
        hosts, switches = self.k * half * half, self.k * half
        edge, agg, core = hosts, hosts + switches, hosts + 2 * switches
        links: list[Edge] = [(host, edge + host // half) for host in range(hosts)]
        for pod in range(self.k):
            here = range(pod * half, (pod + 1) * half)
            links += [(edge + low, agg + high) for low in here for high in here]
        for high in range(switches):
            links += [(agg + high, core + high % half * half + up) for up in range(half)]
        names = (
            *numbered("h", hosts),
            *numbered("edge", switches),
            *numbered("agg", switches),
            *numbered("core", half * half),
        )
        return Shape(names, tuple(links), tuple(range(hosts)))
