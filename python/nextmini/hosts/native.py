"""The native module, as seen from the programs that only ask for its version."""

from __future__ import annotations

import importlib


def native_version() -> tuple[str | None, str | None]:
    """The version of the native module, or None and why it cannot be imported."""
    try:
        module = importlib.import_module("nextmini._native")
    except ImportError as error:
        return None, str(error)
    return str(module.version()), None
