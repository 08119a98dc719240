"""The algorithms that come with Nextmini: where the class of each is."""

from __future__ import annotations

BUILT_IN: dict[str, str] = {}
"""Name -> "module:Class"."""
