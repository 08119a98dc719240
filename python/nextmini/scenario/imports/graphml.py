"""GraphML (Brandes et al., http://graphml.graphdrawing.org), as the Topology Zoo and networkx write it.

`<key>` with names and defaults, `<data>`, edges with a direction of their own. Graphs inside of nodes and
hyperedges are refused: neither is a link between two nodes. Ports count for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.scenario.files import BadFileError
from nextmini.scenario.imports.graph import Collected, Graph, GraphEdge, GraphNode
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from nextmini.scenario.imports.xml_tree import Element

_DIRECTED = {"directed": True, "undirected": False}
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class _Key:
    """An attribute: its name in lower case, if it has one, what may have it, and its default."""

    name: str | None
    domain: str
    default: str | None


def read_graphml(root: Element, file: str) -> Graph:
    """The only graph of a document. Raises BadFileError with the first element that is wrong."""
    reader = _Reader(file)
    reader.keys(root)
    graphs = list(root.all("graph"))
    if len(graphs) != 1:
        what = "there is no graph in this file" if not graphs else f"there are {len(graphs)} graphs"
        line = graphs[1].line if graphs else root.line
        raise BadFileError(file, line, what, "a file has one <graph>")
    return reader.graph(graphs[0])


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._keys: dict[str, _Key] = {}
        self._found = Collected(file, "graphml")

    def keys(self, root: Element) -> None:
        """What `<key>` declares."""
        for key in root.all("key"):
            id = self._needed(key, "id")
            if id in self._keys:
                raise self._wrong(
                    key, f"there is a key {shown(id)} already", "give each key an id of its own"
                )
            default = key.first("default")
            name = key.attributes.get("attr.name")
            self._keys[id] = _Key(
                None if name is None else name.lower(),
                key.attributes.get("for", "all"),
                None if default is None else default.text,
            )

    def graph(self, graph: Element) -> Graph:
        """Its nodes and edges."""
        for element in graph.children:
            if element.tag == "node":
                self._node(element)
            elif element.tag == "edge":
                self._edge(element)
            elif element.tag == "hyperedge":
                remedy = "write it as a node, with an edge to each of its ends"
                raise self._wrong(element, "a hyperedge is no link between two nodes", remedy)
        default = graph.attributes.get("edgedefault", "undirected")
        if default not in _DIRECTED:
            raise self._wrong(
                graph, f"edgedefault cannot be {shown(default)}", 'write "directed" or "undirected"'
            )
        return self._found.graph(_DIRECTED[default])

    def _node(self, node: Element) -> None:
        inner = node.first("graph")
        if inner is not None:
            raise self._wrong(inner, "graphs inside of nodes are not read", "put its nodes beside the others")
        self._found.add_node(GraphNode(self._needed(node, "id"), node.line, self._data(node)))

    def _edge(self, edge: Element) -> None:
        said = edge.attributes.get("directed")
        if said is not None and said not in _TRUTH:
            raise self._wrong(edge, f"directed cannot be {shown(said)}", 'write "true" or "false"')
        self._found.add_edge(
            GraphEdge(
                self._needed(edge, "source"),
                self._needed(edge, "target"),
                edge.line,
                self._data(edge),
                None if said is None else _TRUTH[said],
                edge.attributes.get("id"),
            )
        )

    def _data(self, element: Element) -> dict[str, str]:
        """What `<data>` says, over the defaults of what it could."""
        values: dict[str, str] = {}
        said: set[str] = set()
        for key in self._keys.values():
            if key.domain in (element.tag, "all") and key.name is not None and key.default is not None:
                values[key.name] = key.default
        for data in element.all("data"):
            id = self._needed(data, "key")
            if id not in self._keys:
                raise self._wrong(data, f"there is no key {shown(id)}", "declare it with <key>")
            if id in said:
                raise self._wrong(data, f"the key {shown(id)} stands there twice", "keep one of the two")
            said.add(id)
            name = self._keys[id].name
            if name is not None:
                values[name] = data.text
        return values

    def _needed(self, element: Element, attribute: str) -> str:
        value = element.attributes.get(attribute)
        if value is None:
            raise self._wrong(element, f"<{element.tag}> has no {attribute}", f'write {attribute}="..."')
        return value

    def _wrong(self, element: Element, message: str, remedy: str) -> BadFileError:
        return BadFileError(self._file, element.line, message, remedy)
