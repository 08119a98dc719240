"""A topology in a file: of a real network, or of another program."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo

from nextmini.scenario.direction import DirectionKeys
from nextmini.scenario.fields import Rate, Written, plain_text, refuse
from nextmini.scenario.files import BadFileError, ScenarioFiles, refuse_file
from nextmini.scenario.imports.attributes import EdgeFacts
from nextmini.scenario.imports.csv_table import NodeList, with_nodes
from nextmini.scenario.imports.formats import Format, Read
from nextmini.scenario.imports.joining import Join
from nextmini.scenario.imports.network import Coordinates, Imported, OneWay, Parallel, Wishes, network_of
from nextmini.scenario.tables import LinkSettings
from nextmini.scenario.topology.shape import Generated, Refusal, Shape
from nextmini.scenario.wording import shown


def _graph(value: Any, info: ValidationInfo) -> Read:
    if isinstance(value, Read):
        return value
    name, files = _asked(value, info)
    try:
        return files.topology(name, info.data.get("format"))
    except BadFileError as error:
        refuse_file(error)


def _node_list(value: Any, info: ValidationInfo) -> NodeList | None:
    if value is None or isinstance(value, NodeList):
        return value
    name, files = _asked(value, info)
    try:
        return files.node_list(name)
    except BadFileError as error:
        refuse_file(error)


def _asked(value: Any, info: ValidationInfo) -> tuple[str, ScenarioFiles]:
    name = plain_text(value, "the path of a file")
    if info.context is None:
        refuse(f"{shown(name)} cannot be read here", "load the scenario from a file")
    return name, info.context


def _written(example: str) -> Written:
    return Written("file", {"type": "string", "minLength": 1, "examples": [example]})


AGraph = Annotated[Read, PlainValidator(_graph), _written("abilene.graphml")]
ANodeList = Annotated[NodeList | None, PlainValidator(_node_list), _written("nodes.csv")]


class File(Generated):
    """Nodes and links of a file. What it says of a link comes before `link`, and `[[links]]` before both.

    Links without a delay have that of light in fibre, by their length or the distance of their ends. Nodes
    are called after their labels, or their ids: see [Topologies from files](topologies.md).
    """

    kind: Literal["file"]
    format: Format | None = Field(
        default=None,
        description="Its format. Without it: by its content, and by its name.",
        examples=["graphml"],
    )
    path: AGraph = Field(
        description="The file, from the folder of the scenario on: GraphML or GML (as those of the Internet "
        "Topology Zoo), node-link JSON of networkx, a network of SNDlib (native or XML), or CSV whose first "
        "line names columns: `source`, `target`, and any of `rate`, `delay`, `cost`, `length`.",
        examples=["abilene.graphml"],
    )
    nodes_path: ANodeList = Field(
        default=None,
        description="A CSV file with a line for each node. Its first line names columns: `id`, and any of "
        "`label`, `latitude`, `longitude`, `x`, `y`, `population`, `internal`.",
        examples=["nodes.csv"],
    )
    directed: bool | None = Field(
        default=None,
        description="Whether an edge is one direction of a link only. Without it: as the file says; CSV and "
        "SNDlib are undirected.",
    )
    one_way: OneWay = Field(
        default="refuse",
        description="What happens to a directed edge with none back. `both`: it is a link both ways.",
    )
    parallel: Parallel = Field(
        default="refuse",
        description="What happens where several edges join the same two nodes. `merge`: they are one link "
        "with the sum of their rates and the least of their delays and costs. `first`: the first one counts.",
    )
    largest: bool = Field(
        default=False, description="Whether only the largest part is taken, if parts are not joined."
    )
    internal_only: bool = Field(
        default=False, description="Whether nodes are left out of which the file says `Internal` 0."
    )
    coordinates: Coordinates | None = Field(
        default=None,
        description="What coordinates are. `geographic`: degrees. `plane`: places on a drawing, which make "
        "no delays. Without it: as the file says, else `geographic`.",
    )
    distances: bool = Field(
        default=True, description="Whether lengths and distances make delays, where the file says none."
    )
    unit: Rate | None = Field(
        default=None,
        description="What a rate without a unit counts. Without it: 1 Mbit/s in SNDlib, else 1 bit/s.",
        examples=["1 Mbit/s"],
    )
    rate_scale: float = Field(
        default=1.0,
        gt=0,
        le=1e9,
        description="By how much the rates of the file are multiplied.",
        examples=[0.01],
    )

    @cached_property
    def imported(self) -> Imported:
        """The network of the file. Raises BadFileError."""
        graph, unit = self.path
        if self.nodes_path is not None:
            graph = with_nodes(graph, self.nodes_path)
        wishes = Wishes(
            directed=self.directed,
            one_way=self.one_way,
            parallel=self.parallel,
            coordinates=self.coordinates,
            distances=self.distances,
            internal_only=self.internal_only,
            largest=self.largest,
            unit=self.unit or unit,
            rate_scale=self.rate_scale,
        )
        return network_of(graph, wishes)

    def refusals(self) -> Iterator[Refusal]:
        """What is wrong in the file, at its line."""
        if self.nodes_path is not None and self.path.graph.format != "csv":
            yield Refusal("nodes_path", "goes with a file of links in CSV only", "remove it")
            return
        try:
            _ = self.imported
        except BadFileError as error:
            place = None if error.line is None else (error.file, error.line)
            yield Refusal("path", error.message, error.remedy, place)
            return
        yield from super().refusals()

    def size(self) -> tuple[int, int]:
        """As many as are left of the file."""
        return len(self.imported.nodes), len(self.imported.links)

    def shape(self, seed: int) -> Shape:
        """Nodes and links in the order of the file, links with their settings."""
        nodes, links = self.imported.nodes, self.imported.links
        known: dict[tuple[EdgeFacts, EdgeFacts], LinkSettings] = {}
        settings = [known.setdefault((link.forward, link.backward), _settings(link)) for link in links]
        return Shape(
            names=tuple(node.name for node in nodes),
            edges=tuple((link.a, link.b) for link in links),
            hosts=tuple(range(len(nodes))),
            settings=tuple(settings),
        )

    def notices(self) -> tuple[str, ...]:
        """What became of what is no link or node of its own, and what nothing leads to."""
        return self.imported.notices

    def aliases(self) -> Mapping[str, str]:
        """Names by the ids and labels of the file; of a label that several nodes have, the first one's."""
        found: dict[str, str] = {}
        for text in ("label", "id"):
            for node in reversed(self.imported.nodes):
                found[getattr(node, text)] = node.name
        return found

    def populations(self) -> Mapping[str, float | None]:
        """How many live at each node, by name."""
        return {node.name: node.population for node in self.imported.nodes}


def _settings(link: Join) -> LinkSettings:
    """What the file says of a link, as `[[links]]` would have it."""
    forward, backward = _said(link.forward), _said(link.backward)
    said: dict[str, Any] = {} if link.forward.cost is None else {"cost": link.forward.cost}
    if forward == backward:
        said |= forward
    else:
        ways = (("forward", forward), ("backward", backward))
        said |= {way: DirectionKeys.model_construct(set(keys), **keys) for way, keys in ways if keys}
    return LinkSettings.model_construct(set(said), **said)


def _said(facts: EdgeFacts) -> dict[str, Any]:
    values = {"rate": None if facts.rate is None else round(facts.rate), "delay": facts.delay}
    return {key: value for key, value in values.items() if value is not None}
