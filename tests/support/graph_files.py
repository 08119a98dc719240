"""Files of topologies as other programs write them, each made from the same sketch of a graph."""

from __future__ import annotations

import html
import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Dot:
    """A node of a sketch."""

    id: str
    label: str | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True)
class Stroke:
    """An edge of a sketch, with its rate in Mbit/s."""

    source: str
    target: str
    mbps: float | None = None


@dataclass(frozen=True)
class Sketch:
    """A graph of which every format can say all."""

    dots: list[Dot] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    directed: bool = False


def graphml(sketch: Sketch) -> str:
    """As the Internet Topology Zoo has it."""
    names = ("label", "Latitude", "Longitude")
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
    ]
    lines += [f'<key attr.name="{name}" attr.type="string" for="node" id="{name}" />' for name in names]
    lines += ['<key attr.name="LinkSpeedRaw" attr.type="double" for="edge" id="speed" />']
    lines += [f'<graph edgedefault="{"directed" if sketch.directed else "undirected"}">']
    for dot in sketch.dots:
        values = zip(names, (dot.label, dot.latitude, dot.longitude), strict=True)
        data = "".join(
            f'<data key="{name}">{escape(str(value))}</data>' for name, value in values if value is not None
        )
        lines.append(f"<node id={quoteattr(dot.id)}>{data}</node>")
    for stroke in sketch.strokes:
        data = "" if stroke.mbps is None else f'<data key="speed">{stroke.mbps * 1e6}</data>'
        ends = f"source={quoteattr(stroke.source)} target={quoteattr(stroke.target)}"
        lines.append(f"<edge {ends}>{data}</edge>")
    return "\n".join([*lines, "</graph>", "</graphml>", ""])


def gml(sketch: Sketch) -> str:
    """As the Internet Topology Zoo has it, with ids as texts."""
    lines = ["graph [", f"  directed {int(sketch.directed)}", '  Network "sketch"']
    for dot in sketch.dots:
        said = {"Latitude": dot.latitude, "Longitude": dot.longitude}
        lines += ["  node [", f"    id {_quoted(dot.id)}"]
        lines += [] if dot.label is None else [f"    label {_quoted(dot.label)}"]
        lines += [f"    {key} {value}" for key, value in said.items() if value is not None]
        lines += ["  ]"]
    for stroke in sketch.strokes:
        lines += ["  edge [", f"    source {_quoted(stroke.source)}", f"    target {_quoted(stroke.target)}"]
        if stroke.mbps is not None:
            lines += [f'    LinkSpeed "{stroke.mbps}"', '    LinkSpeedUnits "M"']
        lines += ["  ]"]
    return "\n".join([*lines, "]", ""])


def node_link(sketch: Sketch, key: str = "edges") -> str:
    """As networkx has it, with an entry on each line."""
    nodes = [
        _said(id=dot.id, label=dot.label, latitude=dot.latitude, longitude=dot.longitude)
        for dot in sketch.dots
    ]
    edges = [
        _said(
            source=stroke.source,
            target=stroke.target,
            rate=None if stroke.mbps is None else f"{stroke.mbps} Mbit/s",
        )
        for stroke in sketch.strokes
    ]
    lists = {"nodes": nodes, key: edges}
    texts = [
        f'"{name}": [\n' + ",\n".join(map(json.dumps, entries)) + "\n]" for name, entries in lists.items()
    ]
    return f'{{"directed": {json.dumps(sketch.directed)}, "multigraph": true, "graph": {{}},\n' + (
        ",\n".join(texts) + "}\n"
    )


def csv(sketch: Sketch) -> str:
    """A line for each edge."""
    rows = [
        f"{_cell(stroke.source)},{_cell(stroke.target)},{'' if stroke.mbps is None else stroke.mbps * 1e6}"
        for stroke in sketch.strokes
    ]
    return "\n".join(["source,target,rate", *rows, ""])


def csv_nodes(sketch: Sketch) -> str:
    """A line for each node."""
    cells = [(dot.id, dot.label, dot.latitude, dot.longitude) for dot in sketch.dots]
    rows = [",".join("" if cell is None else _cell(str(cell)) for cell in row) for row in cells]
    return "\n".join(["id,label,latitude,longitude", *rows, ""])


def sndlib(sketch: Sketch, demands: dict[tuple[str, str], float] | None = None) -> str:
    """The native format, in which every node has a place, and ids are one word."""
    lines = ["?SNDlib native format; type: network; version: 1.0", "# network sketch", "NODES ("]
    lines += [f"  {dot.id} ( {dot.longitude or 0:.2f} {dot.latitude or 0:.2f} )" for dot in sketch.dots]
    lines += [")", "LINKS ("]
    for place, stroke in enumerate(sketch.strokes):
        ends = f"L{place} ( {stroke.source} {stroke.target} )"
        lines.append(f"  {ends} {stroke.mbps or 0:.2f} 0.00 0.00 0.00 ( 40000.00 133.00 )")
    lines += [")", "DEMANDS ("]
    for (source, target), amount in (demands or {}).items():
        lines.append(f"  {source}_{target} ( {source} {target} ) 1 {amount:.2f} UNLIMITED")
    return "\n".join([*lines, ")", ""])


def sndlib_xml(sketch: Sketch, demands: dict[tuple[str, str], float] | None = None) -> str:
    """The same in XML."""
    lines = ['<?xml version="1.0"?>', '<network xmlns="http://sndlib.zib.de/network" version="1.0">']
    lines += ["<networkStructure>", '<nodes coordinatesType="geographical">']
    for dot in sketch.dots:
        place = f"<x>{dot.longitude or 0}</x><y>{dot.latitude or 0}</y>"
        lines.append(f"<node id={quoteattr(dot.id)}><coordinates>{place}</coordinates></node>")
    lines += ["</nodes>", "<links>"]
    for number, stroke in enumerate(sketch.strokes):
        ends = f"<source>{escape(stroke.source)}</source><target>{escape(stroke.target)}</target>"
        module = (
            f"<preInstalledModule><capacity>{stroke.mbps or 0}</capacity><cost>0</cost></preInstalledModule>"
        )
        lines.append(f'<link id="L{number}">{ends}{module}</link>')
    lines += ["</links>", "</networkStructure>", "<demands>"]
    for (source, target), amount in (demands or {}).items():
        ends = f"<source>{source}</source><target>{target}</target>"
        lines.append(f'<demand id="{source}_{target}">{ends}<demandValue>{amount}</demandValue></demand>')
    return "\n".join([*lines, "</demands>", "</network>", ""])


WRITERS: dict[str, Callable[[Sketch], str]] = {
    "graphml": graphml,
    "gml": gml,
    "node-link": node_link,
    "csv": csv,
    "sndlib": sndlib,
    "sndlib-xml": sndlib_xml,
}
SUFFIXES = {"graphml": "graphml", "gml": "gml", "node-link": "json", "csv": "csv", "sndlib": "txt"} | {
    "sndlib-xml": "xml"
}


def random_sketch(seed: int, nodes: int, parts: int = 1) -> Sketch:
    """A graph of so many nodes and connected parts, with rates, and coordinates of most nodes."""
    draws = random.Random(seed)
    dots = [
        Dot(
            f"N{place}",
            draws.choice((None, f"Łódź {place % 7}", "東京", f"node {place}")),
            *((round(draws.uniform(-80, 80), 2), round(draws.uniform(-180, 180), 2)) if place % 5 else ()),
        )
        for place in range(nodes)
    ]
    pairs = {(draws.randrange(place % parts, place, parts), place) for place in range(parts, nodes)}
    sizes = [len(range(part, nodes, parts)) for part in range(parts)]
    while len(pairs) < min(nodes * 3 // 2, sum(size * (size - 1) // 2 for size in sizes)):
        one = draws.randrange(nodes)
        other = draws.randrange(one % parts, nodes, parts)
        if one < other:
            pairs.add((one, other))
    strokes = [
        Stroke(dots[one].id, dots[other].id, draws.choice((10, 155, 622, 2488)))
        for one, other in sorted(pairs)
    ]
    return Sketch(dots, strokes)


def _said(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _quoted(text: str) -> str:
    """GML has characters beyond ASCII, and quotes, as entities."""
    return '"' + html.escape(text).encode("ascii", "xmlcharrefreplace").decode() + '"'


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"') else text
