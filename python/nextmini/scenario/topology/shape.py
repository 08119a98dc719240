"""What every topology has in common: it makes a shape, nodes by name and the pairs that are joined."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import Field

from nextmini.scenario.fields import MOST_LINKS, MOST_NODES, Names, Nodes, numbered
from nextmini.scenario.table import Table
from nextmini.scenario.tables import LinkSettings

Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Shape:
    """Nodes by name, links as pairs of indexes (from 0) into them, and where generated flows may end."""

    names: tuple[str, ...]
    edges: tuple[Edge, ...]
    hosts: tuple[int, ...]
    settings: tuple[LinkSettings, ...] | None = None
    """Of each link by itself, if it has any."""


class Refusal(NamedTuple):
    """Why a topology cannot be: the key to blame, what is wrong with it, what to do.

    `place` is the file and line of what stands in another file.
    """

    key: str
    message: str
    remedy: str
    place: tuple[str, int] | None = None


class Topology(Table):
    """A topology and its parameters: `size` is cheap, `shape` only asked for if it has no `refusals`."""

    kind: str

    @abstractmethod
    def size(self) -> tuple[int, int]:
        """How many nodes and links it has."""

    @abstractmethod
    def shape(self, seed: int) -> Shape:
        """Its nodes and links: the same for the same parameters and seed."""

    def refusals(self) -> Iterator[Refusal]:
        """What makes it impossible, if anything."""
        nodes, links = self.size()
        if nodes > MOST_NODES:
            yield Refusal(
                "kind", f"this {self.kind} would have {nodes:,} nodes", f"at most {MOST_NODES:,} are possible"
            )
        if links > MOST_LINKS:
            yield Refusal(
                "kind", f"this {self.kind} would have {links:,} links", f"at most {MOST_LINKS:,} are possible"
            )

    def notices(self) -> tuple[str, ...]:
        """What is to be told of it although nothing is wrong."""
        return ()

    def aliases(self) -> Mapping[str, str]:
        """Names of nodes by what they are called elsewhere."""
        return {}

    def populations(self) -> Mapping[str, float | None]:
        """How many live at each node, by name, as far as it is known."""
        return {}


class Generated(Topology):
    """A topology that makes its links by itself."""

    link: LinkSettings = Field(default=LinkSettings(), description="Settings of every link that it makes.")


class Enumerated(Generated):
    """A topology of any number of nodes, counted or named."""

    nodes: Nodes = Field(description="The nodes: how many, or their names.", examples=[4])

    def refusals(self) -> Iterator[Refusal]:
        """Too few nodes, or too much of anything."""
        if len(self.nodes) < self.least():
            few = f"a {self.kind} needs at least {self.least()} nodes, this one has {len(self.nodes)}"
            yield Refusal("nodes", few, "give it more nodes")
        yield from super().refusals()

    def least(self) -> int:
        """The fewest nodes that it can have."""
        return 2


class Shaped(Generated):
    """A topology whose parameters decide the number of its nodes, which can still be named."""

    nodes: Names | None = Field(
        default=None, description="The nodes' names. Without it: n1, n2 and so on.", examples=[["a", "b"]]
    )

    def refusals(self) -> Iterator[Refusal]:
        """Names that are too few or too many, or too much of anything."""
        count, _ = self.size()
        if self.nodes is not None and len(self.nodes) != count:
            yield Refusal(
                "nodes",
                f"this {self.kind} has {count:,} nodes, and {len(self.nodes):,} names are given",
                "give one name a node, or none",
            )
        yield from super().refusals()

    def names(self) -> tuple[str, ...]:
        """The names given, or n1, n2 and so on."""
        return numbered("n", self.size()[0]) if self.nodes is None else self.nodes


def everywhere(names: tuple[str, ...], edges: list[Edge]) -> Shape:
    """A shape of which every node may be the end of a flow."""
    return Shape(names, tuple(edges), tuple(range(len(names))))
