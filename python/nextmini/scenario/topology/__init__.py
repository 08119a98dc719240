"""Topologies, one a file: pure functions of their parameters and of the experiment's seed."""

from typing import Annotated

from pydantic import Field

from nextmini.scenario.topology.custom import Custom
from nextmini.scenario.topology.dumbbell import Dumbbell
from nextmini.scenario.topology.fat_tree import FatTree
from nextmini.scenario.topology.file import File
from nextmini.scenario.topology.full_mesh import FullMesh
from nextmini.scenario.topology.grid import Grid
from nextmini.scenario.topology.leaf_spine import LeafSpine
from nextmini.scenario.topology.line import Line
from nextmini.scenario.topology.random import Random
from nextmini.scenario.topology.ring import Ring
from nextmini.scenario.topology.shape import Shape, Topology
from nextmini.scenario.topology.star import Star
from nextmini.scenario.topology.torus import Torus
from nextmini.scenario.topology.tree import Tree

AnyTopology = Annotated[
    Custom
    | Line
    | Ring
    | Star
    | Tree
    | FullMesh
    | Grid
    | Torus
    | FatTree
    | LeafSpine
    | Dumbbell
    | Random
    | File,
    Field(discriminator="kind"),
]
KINDS: dict[str, type[Topology]] = {
    "custom": Custom,
    "line": Line,
    "ring": Ring,
    "star": Star,
    "tree": Tree,
    "full_mesh": FullMesh,
    "grid": Grid,
    "torus": Torus,
    "fat_tree": FatTree,
    "leaf_spine": LeafSpine,
    "dumbbell": Dumbbell,
    "random": Random,
    "file": File,
}

__all__ = ["KINDS", "AnyTopology", "Shape", "Topology"]
