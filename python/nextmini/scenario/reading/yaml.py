"""Reads YAML, with the safe loader: no tags that make Python objects."""

from __future__ import annotations

from typing import Any

import yaml

from nextmini.scenario.findings import Path, key_text
from nextmini.scenario.reading.document import (
    Document,
    Flaw,
    UnreadableError,
    nested_too_deeply,
    twice,
)

_MERGE = "tag:yaml.org,2002:merge"
_MOST_PLACES = 5_000_000
_DEEPEST = 100
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> Document:
    """The data and lines of a YAML text.

    Raises UnreadableError: with all keys that stand there twice, else with the first thing that is not YAML.
    """
    try:
        _check_depth(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return Document(None, dict)
            walk = _Walk()
            walk.node(node, ())
            if walk.flaws:
                raise UnreadableError(*walk.flaws)
            return Document(loader.construct_document(node), lambda: walk.lines)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        # The library reads ahead, and has a limit of its own from version 6.0.4 on.
        if "nesting depth" in str(error.problem):
            raise nested_too_deeply() from None
        raise UnreadableError(_flaw(error)) from None
    except yaml.YAMLError as error:
        raise UnreadableError(Flaw(None, "syntax", f"this is not YAML: {error}")) from None
    except RecursionError:
        raise nested_too_deeply() from None
    except ValueError as error:  # a date that does not exist, or a number of over 4300 digits
        raise UnreadableError(
            Flaw(None, "syntax", f"this cannot be read: {error}", "put text in quotes")
        ) from None


def _check_depth(text: str) -> None:
    """Composing recurses in C and crashes on a text that nests too deeply; parsing does not recurse."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise nested_too_deeply()
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _flaw(error: yaml.MarkedYAMLError) -> Flaw:
    mark = error.problem_mark or error.context_mark
    words = [str(word) for word in (error.context, error.problem) if word]
    line = None if mark is None else mark.line + 1
    where = "" if mark is None else f" at column {mark.column + 1}"
    return Flaw(
        line,
        "syntax",
        f"this is not YAML: {', '.join(words)}{where}",
        "look at this line and the one before it",
    )


class _Walk:
    """The lines of all nodes, and keys that stand there twice."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.flaws: list[Flaw] = []
        self._inside: set[int] = set()

    def node(self, node: yaml.Node, path: Path) -> None:
        if id(node) in self._inside:
            line = node.start_mark.line + 1
            raise UnreadableError(Flaw(line, key_text(path), "holds itself", "remove the alias"))
        if len(self.lines) > _MOST_PLACES:
            raise UnreadableError(Flaw(None, "scenario", "aliases make this too large", "use fewer aliases"))
        self._inside.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._mapping(node, path)
        elif isinstance(node, yaml.SequenceNode):
            for number, item in enumerate(node.value):
                self.lines.setdefault((*path, number), item.start_mark.line + 1)
                self.node(item, (*path, number))
        self._inside.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Path) -> None:
        here: dict[str, int] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if key.tag == _MERGE:
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
                continue
            name = _name(key)
            line = key.start_mark.line + 1
            if name in here:
                self.flaws.append(twice(key_text((*path, name)), line, here[name]))
            here.setdefault(name, line)
            self.lines.setdefault((*path, name), line)
            self.node(value, (*path, name))
        for value in merged:
            self.node(value, path)


def _name(key: Any) -> str:
    return str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
