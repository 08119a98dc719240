"""SNDlib (Orlowski et al., Networks 55(3), 2010): networks and demands, in its native format and XML.

A link's capacity is what is pre-installed, or the smallest module if nothing is. Numbers have no units there;
`UNIT` is what one is worth unless a file's META section or its user says otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from nextmini.scenario.files import BadFileError
from nextmini.scenario.imports.graph import Collected, Graph, GraphEdge, GraphNode, decoded
from nextmini.scenario.imports.xml_tree import parse_xml
from nextmini.scenario.wording import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nextmini.scenario.imports.xml_tree import Element

MAGIC = b"?SNDlib"
UNIT = 1_000_000
"""bit/s that a capacity or a demand of 1 is, if nobody says otherwise."""
_UNITS = {"bitpersec": 1, "kbitpersec": 10**3, "mbitpersec": 10**6, "gbitpersec": 10**9, "tbitpersec": 10**12}
_TOKEN = re.compile(r"[()]|[^\s()]+")
_SECTIONS = frozenset(("META", "NODES", "LINKS", "DEMANDS", "ADMISSIBLE_PATHS", "DIFFERENCES"))


class SndDemand(NamedTuple):
    """What goes from a node to another, and the line that says so."""

    source: str
    destination: str
    amount: float
    line: int


@dataclass(slots=True)
class SndFile:
    """All of a file; `unit` in bit/s if it says one."""

    found: Collected
    demands: list[SndDemand]
    unit: int | None = None
    plane: bool = False


def read_sndlib(content: bytes, file: str) -> SndFile:
    """A file in the native format. Raises BadFileError with the first line that is wrong."""
    return _Native(decoded(content, file), file).read()


def read_sndlib_xml(root: Element, file: str) -> SndFile:
    """A document in XML. Raises BadFileError with the first element that is wrong."""
    return _Xml(root, file).read()


def sndlib_graph(snd: SndFile) -> Graph:
    """The network of a file. Raises BadFileError if it has none."""
    return snd.found.graph(directed=False, plane=snd.plane)


def sndlib_demands(content: bytes, file: str) -> SndFile:
    """The file in either format, for the sake of its demands. Raises BadFileError."""
    if content.startswith(MAGIC):
        return read_sndlib(content, file)
    root = parse_xml(content, file)
    if root.tag != "network":
        message = f"<{root.tag}> is no network of SNDlib"
        raise BadFileError(file, root.line, message, "name a file in its native format or XML, or in CSV")
    return read_sndlib_xml(root, file)


class _Token(NamedTuple):
    text: str
    line: int


class _Native:
    def __init__(self, text: str, file: str) -> None:
        self._file = file
        lines = enumerate(text.split("\n"), 1)
        self._tokens = (_Token(word, number) for number, line in lines for word in _words(line))
        self._line = 1
        self._snd = SndFile(Collected(file, "sndlib"), [])

    def read(self) -> SndFile:
        """Section by section."""
        for token in self._tokens:
            self._line = token.line
            if token.text not in _SECTIONS:
                raise self._wrong(f"expected a section, got {shown(token.text)}", "write NODES ( ... )")
            self._expect("(")
            if token.text == "META":
                self._meta()
            elif token.text == "NODES":
                self._nodes()
            elif token.text == "LINKS":
                self._entries(self._link)
            elif token.text == "DEMANDS":
                self._entries(self._demand)
            else:
                self._skip()
        return self._snd

    def _entries(self, entry: Callable[[str], None]) -> None:
        while (name := self._next()) != ")":
            if name == "(":
                raise self._wrong("expected an id, got (", "write an id")
            entry(name)

    def _meta(self) -> None:
        before = ("", "")
        while (word := self._next()) != ")":
            if before == ("unit", "="):
                self._snd.unit = unit_of(word, self._file, self._line)
            before = (before[1], word.lower())

    def _skip(self) -> None:
        depth = 1
        while depth:
            depth += {"(": 1, ")": -1}.get(self._next(), 0)

    def _nodes(self) -> None:
        """Ids, with coordinates behind those that have some."""
        word = self._next()
        while word != ")":
            if word == "(":
                raise self._wrong("expected an id, got (", "write an id")
            id, line, values = word, self._line, {}
            word = self._next()
            if word == "(":
                values = {"longitude": self._next(), "latitude": self._next()}
                self._expect(")")
                word = self._next()
            self._snd.found.add_node(GraphNode(id, line, values))

    def _link(self, id: str) -> None:
        line = self._line
        source, target = self._pair()
        installed, _, cost, _ = (self._number() for _ in range(4))
        self._expect("(")
        modules: list[float] = []
        while (word := self._next()) != ")":
            modules.append(self._as_number(word))
            self._number()
        self._snd.found.add_edge(_edge(id, source, target, line, installed, modules, cost))

    def _demand(self, _id: str) -> None:
        line = self._line
        source, target = self._pair()
        self._number()
        self._snd.demands.append(SndDemand(source, target, self._number(), line))
        self._next()  # the most links on its path

    def _pair(self) -> tuple[str, str]:
        self._expect("(")
        ends = self._next(), self._next()
        self._expect(")")
        return ends

    def _number(self) -> float:
        return self._as_number(self._next())

    def _as_number(self, word: str) -> float:
        return _number(word, self._file, self._line)

    def _expect(self, mark: str) -> None:
        word = self._next()
        if word != mark:
            raise self._wrong(
                f"expected {mark}, got {shown(word)}", "look at this line and the one before it"
            )

    def _next(self) -> str:
        token = next(self._tokens, None)
        if token is None:
            raise self._wrong("the file ends in the middle of a section", "close it with )")
        self._line = token.line
        return token.text

    def _wrong(self, message: str, remedy: str) -> BadFileError:
        return BadFileError(self._file, self._line, f"this is not SNDlib's format: {message}", remedy)


def _words(line: str) -> Iterator[str]:
    if line.startswith("?SNDlib"):
        return
    for match in _TOKEN.finditer(line):
        if match[0].startswith("#"):
            return
        yield match[0]


def unit_of(word: str, file: str, line: int) -> int:
    """bit/s of a unit such as MBITPERSEC. Raises BadFileError if it is none."""
    unit = _UNITS.get(word.lower())
    if unit is None:
        raise BadFileError(file, line, f"{shown(word)} is not a unit of rates", "write MBITPERSEC")
    return unit


def _number(word: str, file: str, line: int) -> float:
    try:
        value = float(word)
    except ValueError:
        raise BadFileError(file, line, f"{shown(word)} is not a number", "write one, as in 155.0") from None
    if not 0 <= value < 2.0**63:
        raise BadFileError(file, line, f"{shown(word)} cannot be", "write a number from 0 on")
    return value


def _edge(
    id: str, source: str, target: str, line: int, installed: float, modules: list[float], cost: float
) -> GraphEdge:
    """A link; what is 0 is not said."""
    larger = [module for module in modules if module > 0]
    capacity = installed or (min(larger) if larger else 0.0)
    values = {key: value for key, value in (("capacity", capacity), ("cost", cost)) if value > 0}
    return GraphEdge(source, target, line, values, id=id)


class _Xml:
    def __init__(self, root: Element, file: str) -> None:
        self._file = file
        self._root = root
        self._snd = SndFile(Collected(file, "sndlib-xml"), [])

    def read(self) -> SndFile:
        """Nodes, links and demands, as far as they are there."""
        meta = self._root.first("meta")
        unit = None if meta is None else meta.first("unit")
        if unit is not None:
            self._snd.unit = unit_of(unit.text, self._file, unit.line)
        structure = self._root.first("networkStructure")
        nodes = None if structure is None else structure.first("nodes")
        links = None if structure is None else structure.first("links")
        if nodes is not None:
            self._snd.plane = nodes.attributes.get("coordinatesType") == "pixel"
            for node in nodes.all("node"):
                self._node(node)
        for link in () if links is None else links.all("link"):
            self._link(link)
        demands = self._root.first("demands")
        for demand in () if demands is None else demands.all("demand"):
            ends = self._text(demand, "source"), self._text(demand, "target")
            self._snd.demands.append(SndDemand(*ends, self._inner(demand, "demandValue"), demand.line))
        return self._snd

    def _node(self, node: Element) -> None:
        values: dict[str, str] = {}
        coordinates = node.first("coordinates")
        if coordinates is not None:
            keys = (("x", "longitude"), ("y", "latitude"))
            values = {key: self._text(coordinates, child) for child, key in keys}
        self._snd.found.add_node(GraphNode(self._id(node), node.line, values))

    def _link(self, link: Element) -> None:
        installed = link.first("preInstalledModule")
        more = link.first("additionalModules")
        modules = () if more is None else more.all("addModule")
        self._snd.found.add_edge(
            _edge(
                self._id(link),
                self._text(link, "source"),
                self._text(link, "target"),
                link.line,
                0.0 if installed is None else self._inner(installed, "capacity"),
                [self._inner(module, "capacity") for module in modules],
                0.0 if link.first("routingCost") is None else self._inner(link, "routingCost"),
            )
        )

    def _id(self, element: Element) -> str:
        id = element.attributes.get("id")
        if id is None:
            message = f"<{element.tag}> has no id"
            raise BadFileError(self._file, element.line, message, 'write id="..."')
        return id

    def _text(self, element: Element, tag: str) -> str:
        child = element.first(tag)
        if child is None or not child.text:
            message = f"<{element.tag}> has no <{tag}>"
            raise BadFileError(self._file, element.line, message, f"write <{tag}>...</{tag}> in it")
        return child.text

    def _inner(self, element: Element, tag: str) -> float:
        text = self._text(element, tag)
        child = element.first(tag)
        return _number(text, self._file, element.line if child is None else child.line)
