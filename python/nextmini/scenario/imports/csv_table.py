"""Links in a CSV file, a line for each, and nodes in another one if something is to be said of them."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, NamedTuple

from nextmini.scenario.files import BadFileError, lines_of
from nextmini.scenario.imports.graph import Collected, Graph, GraphEdge, GraphNode
from nextmini.scenario.wording import alternatives, nearest, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENDS = ("source", "target")
LINK_COLUMNS = (*ENDS, "rate", "delay", "cost", "length")
NODE_COLUMNS = ("id", "label", "latitude", "longitude", "x", "y", "population", "internal")


class _Row(NamedTuple):
    line: int
    values: dict[str, str]


class NodeList(NamedTuple):
    """The nodes of a file of nodes."""

    file: str
    nodes: tuple[GraphNode, ...]


def read_csv(content: bytes, file: str) -> Graph:
    """The graph of a file of links; its nodes are in the order in which links name them.

    Raises BadFileError with the first line that is wrong.
    """
    found = Collected(file, "csv")
    for line, values in _rows(content, file, LINK_COLUMNS, ENDS):
        for end in ENDS:
            if values[end] not in found.nodes:
                found.add_node(GraphNode(values[end], line, {}))
        found.add_edge(GraphEdge(values["source"], values["target"], line, values))
    return found.graph(directed=False)


def read_nodes(content: bytes, file: str) -> NodeList:
    """The nodes of a file of nodes. Raises BadFileError with the first line that is wrong."""
    found = Collected(file, "csv")
    for line, values in _rows(content, file, NODE_COLUMNS, ("id",)):
        found.add_node(GraphNode(values["id"], line, values))
    return NodeList(file, found.graph(directed=False).nodes)


def with_nodes(graph: Graph, listed: NodeList) -> Graph:
    """The graph with what is said of its nodes; those that no link has are added, in the order of the list.

    Raises BadFileError if a link has a node that is not in the list.
    """
    known = {node.id: node for node in listed.nodes}
    for node in graph.nodes:
        if node.id not in known:
            meant = nearest(node.id, known)
            hint = f"did you mean {shown(meant)}? " if meant else ""
            message = f"{listed.file} has no node {shown(node.id)}"
            raise BadFileError(graph.file, node.line, message, f"{hint}add it there")
    return Graph(graph.file, graph.format, graph.directed, listed.nodes, graph.edges, graph.plane)


def _rows(content: bytes, file: str, columns: Sequence[str], needed: Sequence[str]) -> Iterator[_Row]:
    """The lines under the head, by column; cells that are empty are left out."""
    lines = ((number, _cells(text, number, file)) for number, text in lines_of(content, file))
    number, head = next(lines, (None, []))
    head = [name.lower() for name in head]
    for name in needed:
        if name not in head:
            remedy = f"begin with a line of names, as in {','.join(columns)}"
            raise BadFileError(file, number, f"there is no column {shown(name)}", remedy)
    for name in head:
        if name not in columns:
            meant = nearest(name, columns)
            hint = f"did you mean {meant}? " if meant else ""
            message = f"{shown(name)} is not a column"
            raise BadFileError(file, number, message, f"{hint}the columns are {alternatives(columns, 'and')}")
        if head.count(name) > 1:
            raise BadFileError(file, number, f"there are two columns {shown(name)}", "keep one of the two")
    for number, cells in lines:
        if len(cells) != len(head):
            message = f"this line has {len(cells)} cells, and there are {len(head)} columns"
            raise BadFileError(file, number, message, "write one for each, empty if there is nothing to say")
        values = {name: cell for name, cell in zip(head, cells, strict=True) if cell}
        for name in needed:
            if name not in values:
                raise BadFileError(file, number, f"the {name} is missing", "write the id of a node")
        yield _Row(number, values)


def _cells(text: str, number: int, file: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([text], strict=True))]
    except csv.Error as error:
        message = f"this line is not CSV: {error}"
        raise BadFileError(file, number, message, "separate cells by commas") from None
