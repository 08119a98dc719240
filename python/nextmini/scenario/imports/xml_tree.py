"""XML as a tree whose elements know their lines.

Python's expat reads it. Nothing is fetched, and whatever declares entities is refused: those are what bombs
are made of, and no format of topologies needs them. Depth and the number of elements are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

from nextmini.scenario.files import BadFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEEPEST = 64
MOST_ELEMENTS = 600_000
"""About half a gigabyte; a file of 16 MiB that says something has fewer."""


@dataclass(slots=True)
class Element:
    """An element by its local name, whatever its namespace."""

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    text: str = ""
    """Without that of its children, and without space around it."""

    def all(self, tag: str) -> Iterator[Element]:
        """Its children of this name."""
        return (child for child in self.children if child.tag == tag)

    def first(self, tag: str) -> Element | None:
        """Its first child of this name."""
        return next(self.all(tag), None)


def parse_xml(content: bytes, file: str) -> Element:
    """The root of a document. Raises BadFileError, with the line, if it is no XML or a hostile one."""
    builder = _Builder(file)
    try:
        builder.parser.Parse(content, True)
    except expat.ExpatError as error:
        message = f"this is not XML: {expat.ErrorString(error.code)}"
        raise BadFileError(file, error.lineno, message, "look at this line and the one before it") from None
    except (ValueError, LookupError) as error:
        # An encoding that expat does not know, and Python neither.
        raise BadFileError(file, 1, f"this is not XML: {error}", "save the file as UTF-8") from None
    return builder.root


class _Builder:
    def __init__(self, file: str) -> None:
        self.file = file
        self.root = Element("", {}, 0)
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._entity
        self.parser.SkippedEntityHandler = self._skipped
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._count = 0

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        self._count += 1
        if len(self._open) == _DEEPEST:
            self._refuse(f"elements are nested more than {_DEEPEST} deep", "nest them less")
        if self._count > MOST_ELEMENTS:
            self._refuse(f"there are more than {MOST_ELEMENTS:,} elements", "use a smaller file")
        element = Element(_local(tag), {_local(key): value for key, value in attributes.items()}, line)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._texts.append([])

    def _end(self, _tag: str) -> None:
        self._open.pop().text = "".join(self._texts.pop()).strip()

    def _characters(self, text: str) -> None:
        self._texts[-1].append(text)

    def _doctype(self, _name: str, _system: str | None, _public: str | None, inside: bool) -> None:
        if inside:
            self._refuse("a document type with declarations of its own is not read", "remove <!DOCTYPE ...>")

    def _entity(self, *_declaration: object) -> None:
        self._refuse("entities are not read", "remove <!ENTITY ...>")

    def _skipped(self, name: str, _parameter: bool) -> None:
        self._refuse(f"the entity &{name}; stands for nothing here", "write the character itself")

    def _refuse(self, message: str, remedy: str) -> None:
        raise BadFileError(self.file, self.parser.CurrentLineNumber, message, remedy)


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
