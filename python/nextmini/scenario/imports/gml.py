"""GML (Himsolt, 1997), with what the Internet Topology Zoo and networkx write.

Keys with a number, a text in quotes or a list in brackets. Texts may have entities of HTML, as in
`S&#227;o Paulo`. Lists inside of nodes and edges, such as `graphics`, count for nothing.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.scenario.files import BadFileError
from nextmini.scenario.imports.graph import Collected, Graph, GraphEdge, GraphNode, decoded
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+|\#[^\n]*)"
    r'|(?P<text>"[^"]*")'
    r"|(?P<open>\[)|(?P<close>\])"
    r"|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))"
    r"|(?P<word>[A-Za-z_][\w.-]*)"
)
_DEEPEST = 32
_NUMBERS = {"nan", "inf", "infinity"}
"""What some programs write where there is no number."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class _Pair:
    key: str
    value: Any
    line: int


def read_gml(content: bytes, file: str) -> Graph:
    """The only graph of a file. Raises BadFileError with the first line that is wrong."""
    pairs = _list(_tokens(decoded(content, file), file), file, 0)
    graphs = [pair for pair in pairs if pair.key == "graph" and isinstance(pair.value, list)]
    if len(graphs) != 1:
        what = "there is no graph in this file" if not graphs else f"there are {len(graphs)} graphs"
        raise BadFileError(file, graphs[1].line if graphs else None, what, "a file has one graph [ ... ]")
    return _graph(graphs[0].value, file)


def _tokens(text: str, file: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            what = "a text that does not end" if text[at] == '"' else shown(text[at])
            raise BadFileError(file, line, f"this is not GML: {what}", "look at this line")
        if match.lastgroup != "space":
            yield _Token(str(match.lastgroup), match[0], line)
        line += match[0].count("\n")
        at = match.end()


def _list(tokens: Iterator[_Token], file: str, depth: int, opened: int | None = None) -> list[_Pair]:
    """What stands up to the closing bracket, or to the end of the file."""
    if depth > _DEEPEST:
        raise BadFileError(file, opened, f"lists are nested more than {_DEEPEST} deep", "nest them less")
    pairs: list[_Pair] = []
    for token in tokens:
        if token.kind == "close" and depth:
            return pairs
        if token.kind != "word":
            raise BadFileError(
                file, token.line, f"this is not GML: expected a key, got {shown(token.text)}", "write a key"
            )
        pairs.append(_Pair(token.text.lower(), _value(token, tokens, file, depth), token.line))
    if depth:
        raise BadFileError(file, opened, "this list does not end", "close it with ]")
    return pairs


def _value(key: _Token, tokens: Iterator[_Token], file: str, depth: int) -> Any:
    token = next(tokens, None)
    if token is None or token.kind == "close":
        raise BadFileError(file, key.line, f"the key {shown(key.text)} has no value", "write one after it")
    if token.kind == "open":
        return _list(tokens, file, depth + 1, token.line)
    if token.kind == "text":
        return html.unescape(token.text[1:-1])
    if token.kind == "number" or token.text.lower() in _NUMBERS:
        return token.text
    message = f"this is not GML: {shown(token.text)} is neither a number nor a text"
    raise BadFileError(file, token.line, message, "put texts in quotes")


def _graph(pairs: list[_Pair], file: str) -> Graph:
    found = Collected(file, "gml")
    directed = False
    for pair in pairs:
        if pair.key == "directed":
            if pair.value not in ("0", "1"):
                message = f"directed cannot be {shown(pair.value)}"
                raise BadFileError(file, pair.line, message, "write 0 or 1")
            directed = pair.value == "1"
        elif pair.key in ("node", "edge"):
            if not isinstance(pair.value, list):
                message = f"expected a list, got {shown(pair.value)}"
                raise BadFileError(file, pair.line, message, f"write {pair.key} [ ... ]")
            values = _values(pair.value)
            if pair.key == "node":
                found.add_node(GraphNode(_needed("id", pair, values, file), pair.line, values))
            else:
                ends = _needed("source", pair, values, file), _needed("target", pair, values, file)
                found.add_edge(GraphEdge(*ends, pair.line, values))
    return found.graph(directed)


def _values(pairs: list[_Pair]) -> dict[str, Any]:
    """By key; what stands there more than once is a list."""
    values: dict[str, Any] = {}
    for pair in pairs:
        if isinstance(pair.value, list):
            continue
        if pair.key not in values:
            values[pair.key] = pair.value
        elif isinstance(values[pair.key], list):
            values[pair.key].append(pair.value)
        else:
            values[pair.key] = [values[pair.key], pair.value]
    return values


def _needed(key: str, pair: _Pair, values: dict[str, Any], file: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        what = "has no" if value is None else "has more than one"
        raise BadFileError(file, pair.line, f"this {pair.key} {what} {key}", f"write one {key} in it")
    return value
