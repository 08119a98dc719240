"""JSON as networkx writes it (`node_link_data`), and d3 reads it: lists of nodes, and of links or edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextmini.scenario.files import BadFileError
from nextmini.scenario.imports.graph import Collected, Graph, GraphEdge, GraphNode, decoded
from nextmini.scenario.reading.document import UnreadableError
from nextmini.scenario.reading.json import read_json
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.scenario.findings import Path


def read_node_link(content: bytes, file: str) -> Graph:
    """The graph of a file. Raises BadFileError with the first entry that is wrong."""
    try:
        document = read_json(decoded(content, file))
    except UnreadableError as error:
        flaw = error.flaws[0]
        remedy = flaw.remedy or "look at this line"
        raise BadFileError(file, flaw.line, f"{flaw.key}: {flaw.message}", remedy) from None
    return _Reader(file, document.data, document.lines()).graph()


def is_node_link(data: Any) -> bool:
    """Whether this looks like a graph, and not like a scenario."""
    return isinstance(data, dict) and "experiment" not in data and ("links" in data or "edges" in data)


class _Reader:
    def __init__(self, file: str, data: Any, lines: Mapping[Path, int]) -> None:
        self._file = file
        self._data = data
        self._lines = lines
        self._found = Collected(file, "node-link")

    def graph(self) -> Graph:
        """All of it."""
        data = self._data
        if not isinstance(data, dict):
            raise self._wrong((), f"expected an object, got {shown(data)}", 'write { "nodes": [...], ... }')
        if "links" in data and "edges" in data:
            raise self._wrong(("edges",), "there are both `links` and `edges`", "keep one of the two")
        directed = data.get("directed", False)
        if not isinstance(directed, bool):
            raise self._wrong(("directed",), f"directed cannot be {shown(directed)}", "write true or false")
        for place, node in enumerate(self._list("nodes")):
            values = self._values(node, ("nodes", place))
            id = self._id(values.get("id"), ("nodes", place), "id")
            self._found.add_node(GraphNode(id, self._line(("nodes", place)), values))
        key = "edges" if "edges" in data else "links"
        for place, edge in enumerate(self._list(key)):
            path = (key, place)
            values = self._values(edge, path)
            ends = [self._id(values.get(end), path, end) for end in ("source", "target")]
            self._found.add_edge(GraphEdge(ends[0], ends[1], self._line(path), values))
        return self._found.graph(directed)

    def _list(self, key: str) -> list[Any]:
        value = self._data.get(key)
        if not isinstance(value, list):
            what = "is missing" if value is None else f"is no list: {shown(value)}"
            raise self._wrong((key,), f"`{key}` {what}", f'write "{key}": [ ... ]')
        return value

    def _values(self, entry: Any, path: Path) -> dict[str, Any]:
        if not isinstance(entry, dict):
            raise self._wrong(path, f"expected an object, got {shown(entry)}", "write { ... }")
        return {str(key).lower(): value for key, value in entry.items() if value is not None}

    def _id(self, value: Any, path: Path, key: str) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            what = "is missing" if value is None else f"cannot be {shown(value)}"
            raise self._wrong(path, f"{path[0]}[{path[1]}]: `{key}` {what}", "write a number or a text")
        return str(value)

    def _line(self, path: Path) -> int | None:
        return self._lines.get(path)

    def _wrong(self, path: Path, message: str, remedy: str) -> BadFileError:
        return BadFileError(self._file, self._line(path), message, remedy)
