"""Which format a file has: as its user says, or by its content and its name."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from nextmini.scenario.files import BadFileError
from nextmini.scenario.imports.graph import Graph, decoded
from nextmini.scenario.wording import alternatives

Format = Literal["graphml", "gml", "node-link", "sndlib", "sndlib-xml", "csv"]
_GML = re.compile(rb"(?:\s|#[^\n]*\n)*(?:[A-Za-z]\w*\s+(?:\"[^\"]*\"|[\w.+-]+)\s+)*graph\s*\[", re.IGNORECASE)
_CSV = re.compile(rb"(?:\s|#[^\n]*\n)*[^\n]*\bsource\b[^\n]*,", re.IGNORECASE)
_KINDS = "GraphML, GML, node-link JSON, SNDlib and CSV"


class Read(NamedTuple):
    """A graph, and the bit/s that numbers of capacity count in it."""

    graph: Graph
    unit: int


def read_graph(content: bytes, file: str, format: Format | None = None) -> Read:
    """The graph in a file's content, in a format that is guessed unless it is said.

    Parsers are imported for files of their kind only. Raises BadFileError, with a line where there is one.
    """
    format = format or _guessed(content, file)
    if format in ("graphml", "sndlib-xml"):
        return _xml(content, file, format)
    if format == "sndlib":
        from nextmini.scenario.imports.sndlib import UNIT, read_sndlib, sndlib_graph

        snd = read_sndlib(content, file)
        return Read(sndlib_graph(snd), snd.unit or UNIT)
    if format == "gml":
        from nextmini.scenario.imports.gml import read_gml

        return Read(read_gml(content, file), 1)
    if format == "node-link":
        from nextmini.scenario.imports.node_link import read_node_link

        return Read(read_node_link(content, file), 1)
    from nextmini.scenario.imports.csv_table import read_csv

    return Read(read_csv(content, file), 1)


def _guessed(content: bytes, file: str) -> Format:
    """By the content's beginning, and where that says too little by the suffix."""
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise BadFileError(file, None, f"there is nothing in {file}", f"these formats are known: {_KINDS}")
    if start.startswith(b"?SNDlib"):
        return "sndlib"
    suffix = file.rpartition(".")[2].lower()
    if start.startswith(b"<") or (suffix == "graphml" and b"\0" in start[:8]):
        return "sndlib-xml" if suffix != "graphml" and b"<graphml" not in start else "graphml"
    if start.startswith((b"{", b"[")):
        return "node-link"
    if suffix == "gml" or _GML.match(start[:1024]):
        return "gml"
    if suffix == "csv" or _CSV.match(start[:1024]):
        return "csv"
    decoded(content, file)
    names: tuple[Format, ...] = ("graphml", "gml", "node-link", "sndlib", "sndlib-xml", "csv")
    remedy = f'the formats are {_KINDS}; say which, as in format = "csv" ({alternatives(names)})'
    raise BadFileError(file, None, "this file does not tell its format", remedy)


def _xml(content: bytes, file: str, format: Format) -> Read:
    from nextmini.scenario.imports.xml_tree import parse_xml

    root = parse_xml(content, file)
    tag = "graphml" if format == "graphml" else "network"
    if root.tag != tag:
        raise BadFileError(
            file, root.line, f"expected <{tag}>, got <{root.tag}>", f"these are read: {_KINDS}"
        )
    if format == "graphml":
        from nextmini.scenario.imports.graphml import read_graphml

        return Read(read_graphml(root, file), 1)
    from nextmini.scenario.imports.sndlib import UNIT, read_sndlib_xml, sndlib_graph

    snd = read_sndlib_xml(root, file)
    return Read(sndlib_graph(snd), snd.unit or UNIT)
