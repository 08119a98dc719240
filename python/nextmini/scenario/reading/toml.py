"""Reads TOML."""

from __future__ import annotations

import re
import tomllib

from nextmini.scenario.findings import key_text
from nextmini.scenario.reading.document import (
    Document,
    Flaw,
    UnreadableError,
    nested_too_deeply,
    number_too_long,
    twice,
)
from nextmini.scenario.reading.toml_index import TomlIndex
from nextmini.scenario.wording import shown

_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
_UNQUOTED = re.compile(r"\s*(?P<key>[\w.-]+)\s*=\s*(?P<value>[^\s\"'\[{#][^\"'#]*?)\s*(?:#.*)?")
_COLON = re.compile(r"\s*(?P<key>[\w.-]+)\s*:\s*(?P<value>[^#]*?)\s*(?:#.*)?")


def read_toml(text: str) -> Document:
    """The data and lines of a TOML text.

    Raises UnreadableError: with all keys that stand there twice, else with the first thing that is not TOML.
    """
    try:
        data = tomllib.loads(text)
        return Document(data, lambda: TomlIndex(text).lines)
    except RecursionError:
        raise nested_too_deeply() from None
    except tomllib.TOMLDecodeError as error:
        raise UnreadableError(*_flaws(text, str(error))) from None
    except ValueError:
        raise number_too_long() from None


def _flaws(text: str, reason: str) -> list[Flaw]:
    found = [twice(key_text(path), line, first) for path, line, first in TomlIndex(text).twice]
    flaw = _syntax_flaw(text, reason)
    known = {entry.line for entry in found}
    duplicate = any(word in reason for word in ("overwrite", "twice", "Duplicate", "immutable"))
    return found if found and (duplicate or flaw.line in known) else [flaw, *found]


def _syntax_flaw(text: str, reason: str) -> Flaw:
    place = _PLACE.search(reason)
    if place is None:
        return Flaw(None, "syntax", reason)
    what = reason[: place.start()]
    lines = text.split("\n")
    if what.startswith("Illegal character '\\n'"):
        what = "a text in quotes does not end"
    number = int(place["line"] or len(text.rstrip().split("\n")))
    content = lines[number - 1].rstrip("\r") if number <= len(lines) else ""
    message = f"this is not TOML: {what[:1].lower()}{what[1:]}"
    if place["column"]:
        message += f" at column {place['column']}"
    return Flaw(number, "syntax", message, _remedy(content))


def _remedy(content: str) -> str:
    unquoted = _UNQUOTED.fullmatch(content)
    if unquoted is not None and not _is_value(unquoted["value"]):
        return f"text needs quotes: {unquoted['key']} = {shown(unquoted['value'])}"
    colon = _COLON.fullmatch(content)
    if colon is not None:
        value = colon["value"]
        return f"write {colon['key']} = {value if _is_value(value) else shown(value)}"
    return f"the line is: {content.strip()}" if content.strip() else "look at the lines before it"


def _is_value(text: str) -> bool:
    try:
        tomllib.loads(f"key = {text}")
    except ValueError:
        return False
    return True
