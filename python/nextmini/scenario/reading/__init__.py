"""Scenario files as data: TOML, YAML and JSON, each with the lines of everything in it."""

from __future__ import annotations

from nextmini.scenario.reading.document import Document, Flaw, UnreadableError
from nextmini.scenario.reading.file import FORMATS, read_file, read_text

__all__ = ["FORMATS", "Document", "Flaw", "UnreadableError", "read_file", "read_text"]
