"""Scenario files as data: TOML, YAML and JSON, each with the lines of everything in it."""

from __future__ import annotations

from nextmini.scenario.reading.document import Document, Flaw, UnreadableError
from nextmini.scenario.reading.file import FORMATS, read_file, read_text
from nextmini.scenario.reading.folder import ScenarioFolder, names_in

__all__ = [
    "FORMATS",
    "Document",
    "Flaw",
    "ScenarioFolder",
    "UnreadableError",
    "names_in",
    "read_file",
    "read_text",
]
