"""A graph as a file has it, whatever the format: nodes, edges, and what is said of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping  # noqa: TC003 (pydantic looks at the types of a graph)
from dataclasses import dataclass, field
from typing import Any

from nextmini.scenario.fields import MOST_LINKS, MOST_NODES
from nextmini.scenario.files import BadFileError
from nextmini.scenario.wording import shown


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node: its id as text, and its attributes, whose names are in lower case."""

    id: str
    line: int | None
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """An edge between the ids of two nodes; `directed` if it alone is, or is not."""

    source: str
    target: str
    line: int | None
    attributes: Mapping[str, Any]
    directed: bool | None = None
    id: str | None = None

    def __str__(self) -> str:
        return f"the edge from {shown(self.source)} to {shown(self.target)}"


@dataclass(frozen=True, slots=True)
class Graph:
    """All of a file, in its order. `plane` if the file says that its coordinates are no degrees."""

    file: str
    format: str
    directed: bool
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    plane: bool = False

    def refusal(self, line: int | None, message: str, remedy: str) -> BadFileError:
        """An error about a line of the file."""
        return BadFileError(self.file, line, message, remedy)


@dataclass(slots=True)
class Collected:
    """A graph that is being read: whatever stands there twice, or leads nowhere, is refused."""

    file: str
    format: str
    nodes: dict[str, GraphNode] = field(default_factory=dict)
    edges: list[GraphEdge] = field(default_factory=list)
    _edge_ids: dict[str, int | None] = field(default_factory=dict)

    def add_node(self, node: GraphNode) -> None:
        """Raises BadFileError if there is one of this id, or there are too many."""
        if not plain(node.id):
            message = f"an id has characters that nobody can show: {node.id!a}"
            raise BadFileError(self.file, node.line, message, "leave them out")
        first = self.nodes.get(node.id)
        if first is not None:
            message = f"there is a node {shown(node.id)} already{_in_line(first.line)}"
            raise BadFileError(self.file, node.line, message, "give each node an id of its own")
        if len(self.nodes) == MOST_NODES:
            message = f"there are more than {MOST_NODES:,} nodes"
            raise BadFileError(self.file, node.line, message, "use a smaller graph")
        self.nodes[node.id] = node

    def add_edge(self, edge: GraphEdge) -> None:
        """Raises BadFileError if there is one of this id, or there are too many."""
        if edge.id is not None:
            if edge.id in self._edge_ids:
                message = f"there is an edge {shown(edge.id)} already{_in_line(self._edge_ids[edge.id])}"
                raise BadFileError(self.file, edge.line, message, "give each edge an id of its own")
            self._edge_ids[edge.id] = edge.line
        if len(self.edges) == MOST_LINKS:
            message = f"there are more than {MOST_LINKS:,} edges"
            raise BadFileError(self.file, edge.line, message, "use a smaller graph")
        self.edges.append(edge)

    def graph(self, directed: bool, plane: bool = False) -> Graph:
        """All of it. Raises BadFileError if there are no nodes, or an edge has an end that is none."""
        if not self.nodes:
            raise BadFileError(self.file, None, f"there are no nodes in {self.file}", "name another file")
        for edge in self.edges:
            for end in (edge.source, edge.target):
                if end not in self.nodes:
                    message = f"{edge}: there is no node {shown(end)}"
                    raise BadFileError(self.file, edge.line, message, "add the node, or remove the edge")
        return Graph(self.file, self.format, directed, tuple(self.nodes.values()), tuple(self.edges), plane)


def _in_line(line: int | None) -> str:
    return "" if line is None else f", in line {line}"


def plain(text: str) -> bool:
    """Whether a text can be printed and drawn: it has neither control characters nor halves of others."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def decoded(content: bytes, file: str) -> str:
    """The text of a file. Raises BadFileError with the first line that is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadFileError(
            file, line, "this line is not text in UTF-8", "save the file as UTF-8, as with iconv -t UTF-8"
        ) from None
